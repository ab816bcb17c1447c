package import Testing

extension Trait where Self == ConditionTrait {
    /// For a test that is about the application's own session with the server, and why: it is skipped where a pooler
    /// lends sessions.
    package static func needsSession(_ reason: Comment) -> Self {
        .enabled(if: TestDatabase.givesSessions, reason)
    }
}
