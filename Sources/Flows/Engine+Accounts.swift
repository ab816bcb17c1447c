package import Postgres

extension Engine {
    /// Cancels active runs of a user after the end of the account, at most `Queue.maximumEnds` of them; returns how
    /// many.
    package func endRuns(ofEndedAccount userID: String, on connection: Connection) throws -> Int {
        let reason = TaskFailure(
            code: "account_ended", message: "The account that the run belongs to was disabled or deleted")
        let ends = try Queue.endSome(of: userID, reason, on: connection)
        connection.afterCommit { [observe] in ends.forEach(observe) }
        return ends.count
    }
}
