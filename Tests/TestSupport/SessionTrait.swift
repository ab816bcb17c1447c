package import Testing

extension Trait where Self == ConditionTrait {
    /// For a test that requires the application's own session with the server: the test is skipped where a pooler
    /// shares sessions among connections.
    package static func needsSession(_ reason: Comment) -> Self {
        .enabled(if: TestDatabase.givesSessions, reason)
    }
}
