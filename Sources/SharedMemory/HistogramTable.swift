/// Histograms of durations that all processes of the pool share.
package struct HistogramTable: Sendable {
    static let capacity = 2_048
    /// The key, the length, a text of up to 120 bytes, the buckets, and the sum in nanoseconds.
    static let width = 32

    /// The upper limits of all buckets but the last one, in nanoseconds: from a millisecond to a minute.
    package static let limits: [UInt64] = [
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 10_000_000_000, 60_000_000_000,
    ]

    /// The place of a histogram.
    package struct Place: Sendable {
        fileprivate let index: Int
    }

    /// What a histogram has counted.
    package struct Counts: Hashable, Sendable {
        /// How many durations each bucket has, without those of the buckets before it; the last one has no limit.
        package let buckets: [UInt64]
        /// In nanoseconds.
        package let sum: UInt64
        package var count: UInt64 { buckets.reduce(0, &+) }
    }

    private let table: SeriesTable

    package init(in memory: SharedMemory) {
        table = SeriesTable(
            memory: memory, region: SharedMemory.Layout.histograms, textWords: 15, values: Self.limits.count + 2)
    }

    /// The place of the histogram, which is empty at first; nil if all places are taken.
    ///
    /// - Parameter text: the name and the labels, as they are published; up to 120 bytes.
    package func place(of text: String) -> Place? { table.place(of: text).map(Place.init) }

    /// - Parameter nanoseconds: a duration.
    package func add(_ nanoseconds: UInt64, to place: Place) {
        let bucket = Self.limits.firstIndex { nanoseconds <= $0 } ?? Self.limits.count
        table.memory.add(1, at: place.index + bucket)
        table.memory.add(nanoseconds, at: place.index + Self.limits.count + 1)
    }

    /// All histograms.
    package var all: [(text: String, counts: Counts)] {
        table.all.map { text, place in
            (
                text,
                Counts(
                    buckets: (0...Self.limits.count).map { table.memory.word(place + $0) },
                    sum: table.memory.word(place + Self.limits.count + 1))
            )
        }
    }

    /// What all histograms together have counted.
    package var total: Counts {
        var buckets = [UInt64](repeating: 0, count: Self.limits.count + 1)
        var sum: UInt64 = 0
        for (_, counts) in all {
            for (bucket, count) in counts.buckets.enumerated() { buckets[bucket] &+= count }
            sum &+= counts.sum
        }
        return Counts(buckets: buckets, sum: sum)
    }
}
