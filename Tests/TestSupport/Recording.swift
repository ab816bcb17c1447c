import Synchronization

/// Values recorded in order, from any thread.
package final class Recording<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    package init() {}

    package var all: [Value] { values.withLock(\.self) }

    package func add(_ value: Value) { values.withLock { $0.append(value) } }

    /// Returns and removes the values recorded since the last call.
    package func take() -> [Value] {
        values.withLock { values in
            defer { values = [] }
            return values
        }
    }
}
