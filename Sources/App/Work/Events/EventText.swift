package import Flows
import HTTP
import JSON

/// The form of an event stream (WHATWG HTML, section 9.2.6). A JSON text has no line breaks.
extension RunEvent {
    package var streamText: [UInt8] {
        Array("id: \(cursor.text)\nevent: \(name.rawValue)\ndata: ".utf8) + data.bytes + Array("\n\n".utf8)
    }

    /// An element of a page.
    fileprivate func write(to object: inout JSONWriter) {
        object.member("id", cursor.text)
        object.member("event", name.rawValue)
        object.member("data", data)
    }
}

/// What a stream has besides events.
package enum EventStreamText {
    /// The beginning: how long a client waits before it connects again, in milliseconds.
    package static let start = Array("retry: 2000\n\n".utf8)

    /// Only the position, so that a reader without events for long does not continue before what is still in the log.
    package static func position(_ cursor: EventCursor) -> [UInt8] { Array("id: \(cursor.text)\n\n".utf8) }
}

extension EventPage {
    var json: JSONText {
        .object { page in
            page.arrayMember("items") { items in
                for event in events { items.element { event.write(to: &$0) } }
            }
            page.member("next_cursor", optional: next?.text)
        }
    }

    /// The same as a stream that ends.
    var streamText: [UInt8] {
        EventStreamText.start + events.flatMap(\.streamText) + (next.map { EventStreamText.position($0) } ?? [])
    }

    static let schema = JSONSchema.object(required: [
        "items": .array(of: item, count: 0...limit),
        "next_cursor": JSONSchema.string(maxLength: EventCursor.maximumLength).nullable.described(
            "Pass it as `after` to get what follows. Null if that is the beginning"),
    ]).named("EventPage")

    private static let item = JSONSchema.object(required: [
        "id": JSONSchema.string(maxLength: EventCursor.maximumLength).described("The position after the event"),
        "event": JSONSchema.string(enum: RunEvent.Name.allCases.map(\.rawValue)).named("EventName").described(
            "`execution`: a run has a new state. `step`: a step has begun, waits or has ended. `reset`: events "
                + "may have been lost, because the cursor is too old or unknown"),
        "data": JSONSchema.any.described(
            "Of `execution`: `execution_id`, `user_id`, `at`, `status`, `stopped_at`, `error`, `credits_charged`, "
                + "`duration_ms`, `flow_id`, `flow_name`, `workflow_id`, `version` and `parent_id`. Of `step`: "
                + "`execution_id`, `user_id`, `at`, `number`, `task`, `type`, `status`, `attempts`, `error`, "
                + "`condition`, `next`, `started_ms`, `duration_ms` and `cost`. Inputs and outputs are in the run's "
                + "record"),
    ]).named("Event")
}
