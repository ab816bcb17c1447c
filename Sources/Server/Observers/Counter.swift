import SharedMemory
import Synchronization

/// A counter without labels. It is published from the start, with zero: Prometheus sees an increase only between two
/// values.
struct Counter: Sendable {
    private let table: CounterTable
    /// Nil if the table is full.
    private let place: CounterTable.Place?

    init(_ metric: Metric, in table: CounterTable) {
        self.table = table
        place = table.place(of: metric.series())
    }

    func add(_ amount: UInt64 = 1) {
        if let place { table.add(amount, to: place) }
    }
}

/// Counters by the values of their labels, which come from lists of the program. The text of a series is made only
/// once.
final class LabelledCounter<Labels: Hashable & Sendable>: Sendable {
    private let table: CounterTable
    private let metric: Metric
    private let text: @Sendable (Labels) -> KeyValuePairs<String, String>
    /// Nil if the table was full.
    private let places = Mutex<[Labels: CounterTable.Place?]>([:])

    /// - Parameter text: the names of the labels and their values.
    init(
        _ metric: Metric, in table: CounterTable,
        _ text: @escaping @Sendable (Labels) -> KeyValuePairs<String, String>
    ) {
        (self.table, self.metric, self.text) = (table, metric, text)
    }

    func add(_ amount: UInt64 = 1, for labels: Labels) {
        let place = places.withLock { places -> CounterTable.Place? in
            if let known = places[labels] { return known }
            let place = table.place(of: metric.series(text(labels)))
            places[labels] = .some(place)
            return place
        }
        if let place { table.add(amount, to: place) }
    }
}
