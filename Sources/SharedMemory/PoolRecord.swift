/// What the supervisor records of the whole pool: its start, and the largest values that it has seen.
package struct PoolRecord: Sendable {
    private let counters: CounterTable

    package enum Value: String, CaseIterable, Sendable {
        /// When the supervisor started, in seconds since 1970.
        case started = "pool_started"
        case maxListenQueue = "pool_max_listen_queue"
        /// The largest number of responders with a busy thread.
        case maxActiveProcesses = "pool_max_active_processes"
        /// The largest number of busy threads of responders.
        case maxActiveThreads = "pool_max_active_threads"
    }

    package init(in memory: SharedMemory) {
        counters = CounterTable(in: memory)
    }

    /// Raises the value if it is less. It is not recorded if the table of counters is full.
    package func raise(_ value: Value, to number: Int) {
        guard let place = counters.place(of: value.rawValue) else { return }
        counters.raise(place, to: UInt64(max(0, number)))
    }

    /// Nil if it has not been recorded.
    package subscript(value: Value) -> Int? { counters.value(of: value.rawValue).map { Int(clamping: $0) } }
}
