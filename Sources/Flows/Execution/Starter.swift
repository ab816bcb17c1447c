package import JSON

/// Who or what started a run, if it was not its owner with a login. Runs that a run starts have the same starter, except
/// for its trigger.
package struct Starter: Sendable {
    package static let owner = Starter(userID: nil, keyID: nil)

    /// The admin who started a run of another user; nil: the owner.
    package let userID: String?
    /// The API key that the call had; nil: none.
    package let keyID: String?
    /// The call's place in a distributed trace, as its `traceparent` says; nil without one.
    package let trace: String?
    /// Nil: a call or another run started it.
    package let trigger: Trigger?

    package init(userID: String?, keyID: String?, trace: String? = nil, trigger: Trigger? = nil) {
        self.userID = userID
        self.keyID = keyID
        self.trace = trace
        self.trigger = trigger
    }
}

/// What starts a run without a call of a user.
package struct Trigger: Sendable {
    /// In the form in which it is stored and shown.
    package let json: JSON

    init(json: JSON) { self.json = json }

    /// - Parameter time: the instant for which the schedule started the run (RFC 3339).
    package static func schedule(_ id: String, at time: String) -> Trigger {
        Trigger(json: ["type": "schedule", "id": .string(id), "scheduled_at": .string(time)])
    }

    /// - Parameter delivery: by what the sender identifies its call; nil: by nothing.
    package static func hook(_ id: String, delivery: String?) -> Trigger {
        Trigger(json: ["type": "hook", "id": .string(id), "delivery_id": JSON(delivery)])
    }
}
