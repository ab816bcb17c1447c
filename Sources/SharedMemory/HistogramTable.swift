/// Histograms of durations that all processes of the pool share.
package struct HistogramTable: Sendable {
    static let capacity = 1_024
    /// The key, the buckets, and the sum in nanoseconds.
    static let width = 16

    /// The upper limits of all buckets but the last one, in nanoseconds: from a millisecond to a minute.
    package static let limits: [UInt64] = [
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 10_000_000_000, 60_000_000_000,
    ]

    /// The place of a histogram.
    package struct Place: Sendable {
        fileprivate let index: Int

        /// The place as a number other than zero.
        package var number: Int { index }
        package init(number: Int) { index = number }
    }

    /// What a histogram has counted.
    package struct Counts: Hashable, Sendable {
        /// How many durations each bucket has, without those of the buckets before it; the last one has no limit.
        package let buckets: [UInt64]
        /// In nanoseconds.
        package let sum: UInt64
        package var count: UInt64 { buckets.reduce(0, &+) }
    }

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// The place of the histogram, which is empty at first; nil if all places are taken.
    package func place(of key: SeriesKey) -> Place? {
        memory.place(of: key, in: SharedMemory.Layout.histograms, width: Self.width).map(Place.init)
    }

    /// - Parameter nanoseconds: a duration.
    package func add(_ nanoseconds: UInt64, to place: Place) {
        let bucket = Self.limits.firstIndex { nanoseconds <= $0 } ?? Self.limits.count
        memory.add(1, at: place.index + 1 + bucket)
        memory.add(nanoseconds, at: place.index + Self.width - 1)
    }

    /// What the histogram has counted; nil if no process has a place for it.
    package func counts(of key: SeriesKey) -> Counts? {
        let found = memory.existingPlace(of: key, in: SharedMemory.Layout.histograms, width: Self.width)
        guard let index = found else { return nil }
        return Counts(
            buckets: (0...Self.limits.count).map { memory.word(index + 1 + $0) },
            sum: memory.word(index + Self.width - 1))
    }
}
