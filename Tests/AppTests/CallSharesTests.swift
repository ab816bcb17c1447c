import HTTP
import System
import Testing

@testable import App

/// What one user's slow calls leave to others.
@Suite struct CallSharesTests {
    let shares = CallShares(threads: 4)
    let start = Monotonic.now
    var later: Monotonic { start + CallShares.patience + .milliseconds(1) }

    /// Whether a call of the user is accepted at that instant.
    private func accepts(_ userID: String?, at instant: Monotonic) throws -> Bool {
        do {
            try shares.occupying(for: userID, at: instant) {}
            return true
        } catch let problem as Problem where problem.code == ProblemCode.tooManyCalls.rawValue {
            #expect(problem.status == .tooManyRequests && problem.headers["Retry-After"] == "1")
            return false
        }
    }

    /// Calls `body` while so many calls of the user are in progress.
    private func during(_ count: Int, of userID: String?, _ body: () throws -> Void) throws {
        guard count > 0 else { return try body() }
        try shares.occupying(for: userID, at: start) { try during(count - 1, of: userID, body) }
    }

    @Test func slowCallsLeaveOneThreadFree() throws {
        try during(3, of: "a") {
            let answers = [
                try accepts("a", at: start), try accepts("a", at: later), try accepts("b", at: later),
                try accepts(nil, at: later),
            ]
            #expect(answers == [true, false, true, true])
        }
        #expect(try accepts("a", at: later), "they have ended")
    }

    @Test func fewerSlowCallsLimitNothing() throws {
        var answers: [Bool] = []
        try during(2, of: "a") { answers.append(try accepts("a", at: later)) }
        try during(5, of: nil) { answers.append(try accepts(nil, at: later)) }
        #expect(answers == [true, true])
    }

    @Test func aFailedCallHasEnded() throws {
        try during(2, of: "a") {
            do { try during(1, of: "a") { throw Problem.notFound } } catch {}
            let isAccepted = try accepts("a", at: later)
            #expect(isAccepted)
        }
    }
}
