/// Counters that all processes of the pool share. They only grow, and last as long as the memory.
///
/// A process finds the place of a counter once, and then adds to it in one atomic step.
package struct CounterTable: Sendable {
    static let capacity = 1_024
    /// The key, the length, a text of up to 104 bytes, and the value.
    static let width = 16

    /// The place of a counter.
    package struct Place: Sendable {
        let index: Int
    }

    private let table: SeriesTable

    package init(in memory: SharedMemory) {
        table = SeriesTable(memory: memory, region: SharedMemory.Layout.counters, textWords: 13, values: 1)
    }

    /// The place of the counter, which begins with zero; nil if all places are taken.
    ///
    /// - Parameter text: the name and the labels, as they are published; up to 104 bytes.
    package func place(of text: String) -> Place? { table.place(of: text).map(Place.init) }

    package func add(_ amount: UInt64 = 1, to place: Place) { table.memory.add(amount, at: place.index) }

    /// Raises the counter to the value if it is less.
    package func raise(_ place: Place, to value: UInt64) { table.memory.raise(to: value, at: place.index) }

    /// The value of the counter; nil if no process has a place for it.
    package func value(of text: String) -> UInt64? {
        table.existingPlace(of: SeriesKey(text)).map { table.memory.word($0) }
    }

    /// All counters.
    package var all: [(text: String, value: UInt64)] {
        table.all.map { ($0.text, table.memory.word($0.place)) }
    }
}
