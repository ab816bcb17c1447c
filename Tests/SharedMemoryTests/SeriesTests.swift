import Testing

@testable import SharedMemory

/// Counters and histograms by the digest of their names.
@Suite struct SeriesTests {
    private let memory: SharedMemory
    private let counters: CounterTable
    private let histograms: HistogramTable

    init() throws {
        memory = try SharedMemory()
        counters = CounterTable(in: memory)
        histograms = HistogramTable(in: memory)
    }

    @Test func aCounterHasOnePlaceInAllProcesses() throws {
        let key = SeriesKey("a_total")
        #expect(counters.value(of: key) == nil)
        let place = try #require(counters.place(of: key))
        #expect(counters.value(of: key) == 0)
        counters.add(2, to: place)
        counters.add(to: try #require(CounterTable(in: memory).place(of: key)))
        #expect(counters.value(of: key) == 3)
        counters.raise(place, to: 10)
        counters.raise(place, to: 5)
        #expect(counters.value(of: key) == 10)
    }

    /// Series that select the same place take the next ones; once all are taken there is none.
    @Test func aFullTableRefusesNewSeries() throws {
        for number in 0..<CounterTable.capacity {
            counters.add(UInt64(number), to: try #require(counters.place(of: SeriesKey("\(number)"))))
        }
        #expect(counters.place(of: SeriesKey("one more")) == nil)
        #expect(counters.value(of: SeriesKey("one more")) == nil)
        for number in 0..<CounterTable.capacity {
            #expect(counters.value(of: SeriesKey("\(number)")) == UInt64(number))
        }
    }

    @Test func aDurationCountsInTheBucketOfItsLimit() throws {
        let key = SeriesKey("a_seconds")
        #expect(histograms.counts(of: key) == nil)
        let place = try #require(histograms.place(of: key))
        for nanoseconds in [0, 1_000_000, 1_000_001, 60_000_000_000, 60_000_000_001] as [UInt64] {
            histograms.add(nanoseconds, to: place)
        }
        let counts = try #require(histograms.counts(of: key))
        #expect(counts.buckets == [2, 1] + Array(repeating: 0, count: 10) + [1, 1])
        #expect(counts.count == 5)
        #expect(counts.sum == 120_002_000_002)
    }

    @Test func threadsLoseNoCount() {
        let key = SeriesKey("a_total")
        onThreads(4) { [counters] _ in
            guard let place = counters.place(of: key) else { return }
            for _ in 0..<10_000 { counters.add(to: place) }
        }
        #expect(counters.value(of: key) == 40_000)
    }
}
