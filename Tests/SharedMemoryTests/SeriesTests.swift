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
        let text = #"a_total{b="c"}"#
        #expect(counters.value(of: text) == nil)
        let place = try #require(counters.place(of: text))
        #expect(counters.value(of: text) == 0)
        counters.add(2, to: place)
        counters.add(to: try #require(CounterTable(in: memory).place(of: text)))
        #expect(counters.value(of: text) == 3)
        counters.raise(place, to: 10)
        counters.raise(place, to: 5)
        #expect(counters.value(of: text) == 10)
        #expect(counters.all.map(\.text) == [text] && counters.all.map(\.value) == [10])
    }

    /// Series that select the same place take the next ones; once all are taken there is none.
    @Test func aFullTableRefusesNewSeries() throws {
        for number in 0..<CounterTable.capacity {
            counters.add(UInt64(number), to: try #require(counters.place(of: "\(number)")))
        }
        #expect(counters.place(of: "one more") == nil)
        #expect(counters.value(of: "one more") == nil)
        for number in 0..<CounterTable.capacity { #expect(counters.value(of: "\(number)") == UInt64(number)) }
        #expect(Set(counters.all.map(\.text)).count == CounterTable.capacity)
    }

    @Test(arguments: [104, 105]) func aTextHasAMaximumLength(length: Int) {
        let text = String(repeating: "é", count: length / 2) + (length % 2 == 1 ? "x" : "")
        #expect((counters.place(of: text) != nil) == (length == 104))
        #expect(counters.all.map(\.text) == (length == 104 ? [text] : []))
    }

    /// The next process that needs the place completes it.
    @Test func aPlaceOfAKilledProcessIsCompleted() throws {
        let index = try #require(counters.place(of: "a_total")).index
        let length = index - 14
        #expect(memory.replace(7, by: 0, at: length))
        #expect(counters.all.isEmpty)
        #expect(try #require(counters.place(of: "a_total")).index == index)
        #expect(counters.all.map(\.text) == ["a_total"])
    }

    @Test func aDurationCountsInTheBucketOfItsLimit() throws {
        #expect(histograms.all.isEmpty)
        let place = try #require(histograms.place(of: "a_seconds"))
        for nanoseconds in [0, 1_000_000, 1_000_001, 60_000_000_000, 60_000_000_001] as [UInt64] {
            histograms.add(nanoseconds, to: place)
        }
        let counts = try #require(histograms.all.first).counts
        #expect(counts.buckets == [2, 1] + Array(repeating: 0, count: 10) + [1, 1])
        #expect(counts.count == 5)
        #expect(counts.sum == 120_002_000_002)
    }

    @Test func allHistogramsTogether() throws {
        #expect(histograms.total.count == 0)
        for (name, seconds) in [("a", 1), ("b", 2), ("b", 3)] as [(String, UInt64)] {
            histograms.add(seconds * 1_000_000_000, to: try #require(histograms.place(of: name)))
        }
        #expect(histograms.total.count == 3)
        #expect(histograms.total.sum == 6_000_000_000)
    }

    @Test func threadsLoseNoCount() {
        onThreads(4) { [counters] _ in
            guard let place = counters.place(of: "a_total") else { return }
            for _ in 0..<10_000 { counters.add(to: place) }
        }
        #expect(counters.value(of: "a_total") == 40_000)
    }
}
