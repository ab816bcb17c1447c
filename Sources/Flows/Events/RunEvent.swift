package import JSON

/// One event, as readers get it.
package struct RunEvent: Sendable {
    package enum Name: String, Sendable, CaseIterable {
        /// A run has a new state, or the one that is read first.
        case execution
        /// A step has begun, waits or has ended.
        case step
        /// Events may have been lost: what the reader knows of a state must be read again.
        case reset
    }

    package let name: Name
    /// An object.
    package let data: JSONText
    /// Where a reader continues that has got this event.
    package let cursor: EventCursor

    /// Whether it is the last event of its run.
    package var isEnd: Bool { if case .end = cursor { true } else { false } }

    package static func reset(_ cursor: EventCursor) -> RunEvent {
        RunEvent(name: .reset, data: .object { $0.member("reason", "cursor_expired") }, cursor: cursor)
    }
}

/// A row of the event log: what one commit did to one run.
package struct EventRow: Sendable {
    let transaction: Int64
    let number: Int64
    let executionID: String
    let userID: String
    /// When it was written (RFC 3339).
    let time: String
    let changes: [JSON]

    /// The events after a position, with the positions after them.
    func events(after position: EventPosition) -> [(event: RunEvent, position: EventPosition)] {
        changes.indices.dropFirst(position.count(in: number, of: transaction)).compactMap { index in
            guard let change = changes[index].objectValue?.members.first,
                let name = RunEvent.Name(rawValue: change.name)
            else { return nil }
            let position = EventPosition(
                transaction: transaction, row: number, index: index, isEndOfRow: index == changes.count - 1)
            let status = name == .execution ? change.value["status"]?.stringValue : nil
            let isEnd = status.flatMap(ExecutionStatus.init)?.isEnd == true
            let data = JSONObject(
                [
                    .init(name: "execution_id", value: .string(executionID)),
                    .init(name: "user_id", value: .string(userID)), .init(name: "at", value: .string(time)),
                ] + (change.value.objectValue?.members ?? []))
            let event = RunEvent(
                name: name, data: JSONText(.object(data)), cursor: isEnd ? .end(position) : .position(position))
            return (event, position)
        }
    }
}
