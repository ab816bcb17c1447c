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
            try shares.occupying(for: userID, at: instant) { _ in }
            return true
        } catch let problem as Problem where problem.code == ProblemCode.tooManyCalls.rawValue {
            #expect(problem.status == .tooManyRequests && problem.headers["Retry-After"] == "1")
            return false
        }
    }

    /// Calls `body` while so many calls of the user are in progress.
    private func during(_ count: Int, of userID: String?, _ body: () throws -> Void) throws {
        guard count > 0 else { return try body() }
        try shares.occupying(for: userID, at: start) { _ in try during(count - 1, of: userID, body) }
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

    /// Calls `body` while so many calls of the user "a" read large answers; returns false if one of them is refused.
    private func reading(_ count: Int, _ body: () throws -> Void = {}) throws -> Bool {
        guard count > 0 else {
            try body()
            return true
        }
        return try shares.occupying(for: "a", at: start) { call in
            do {
                try call?.countAsSlow()
                try call?.countAsSlow()
            } catch is Problem {
                return false
            }
            return try reading(count - 1, body)
        }
    }

    /// Calls that are about to read large answers count at once, and occupy half of the threads.
    @Test func largeAnswersCountAtOnce() throws {
        #expect(try !reading(3))
        let isDone = try reading(2) {
            let answers = [try reading(1), try accepts("a", at: start), try accepts("b", at: start)]
            #expect(answers == [false, true, true])
            try during(1, of: "a") {
                let answers = [try accepts("a", at: later), try accepts("b", at: later)]
                #expect(answers == [false, true])
            }
        }
        #expect(isDone)
        #expect(try reading(2), "they have ended")
    }

    @Test func sendingALargeAnswerCounts() throws {
        let ends = (0..<3).map { _ in shares.sending(to: "a", at: start) }
        #expect(try [accepts("a", at: start), accepts("b", at: start)] == [false, true])
        for end in ends { end() }
        #expect(try accepts("a", at: start))
    }
}
