/// Counters that all processes of the pool share. They only grow, and last as long as the memory.
///
/// A process finds the place of a counter once, and then adds to it in one atomic step.
package struct CounterTable: Sendable {
    static let capacity = 2_048
    /// The key and the value.
    static let width = 2

    /// The place of a counter.
    package struct Place: Sendable {
        fileprivate let index: Int
    }

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// The place of the counter, which begins with zero; nil if all places are taken.
    package func place(of key: SeriesKey) -> Place? {
        memory.place(of: key, in: SharedMemory.Layout.counters, width: Self.width).map(Place.init)
    }

    package func add(_ amount: UInt64 = 1, to place: Place) { memory.add(amount, at: place.index + 1) }

    /// Raises the counter to the value if it is less.
    package func raise(_ place: Place, to value: UInt64) { memory.raise(to: value, at: place.index + 1) }

    /// The value of the counter; nil if no process has a place for it.
    package func value(of key: SeriesKey) -> UInt64? {
        memory.existingPlace(of: key, in: SharedMemory.Layout.counters, width: Self.width).map { memory.word($0 + 1) }
    }
}
