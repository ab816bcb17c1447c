import HTTP
import System
import Testing

@testable import App

/// What one user's slow calls leave to others.
@Suite struct CallSharesTests {
    let shares = CallShares(threads: 4)
    let start = Monotonic.now
    var later: Monotonic { start + CallShares.patience + .milliseconds(1) }

    /// Calls `body` as a call with a small answer.
    private func occupying(_ userID: String?, at instant: Monotonic, _ body: (CallShare?) throws -> Void) throws {
        _ = try shares.occupying(for: userID, at: instant) { call in
            try body(call)
            return .response(.noContent)
        }
    }

    /// Whether a call of the user is accepted at that instant.
    private func accepts(_ userID: String?, at instant: Monotonic) throws -> Bool {
        do {
            try occupying(userID, at: instant) { _ in }
            return true
        } catch let problem as Problem where problem.code == ProblemCode.tooManyCalls.rawValue {
            #expect(problem.status == .tooManyRequests && problem.headers["Retry-After"] == "1")
            return false
        }
    }

    /// Calls `body` while so many calls of the user are in progress.
    private func during(_ count: Int, of userID: String?, _ body: () throws -> Void) throws {
        guard count > 0 else { return try body() }
        try occupying(userID, at: start) { _ in try during(count - 1, of: userID, body) }
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

    /// Calls `body` while so many calls of the user "a" read large records; returns false if one of them is refused.
    private func reading(_ count: Int, at instant: Monotonic? = nil, _ body: () throws -> Void = {}) throws -> Bool {
        var isAdmitted = true
        guard count > 0 else {
            try body()
            return true
        }
        try occupying("a", at: instant ?? start) { call in
            do {
                try call?.countAsSlow(at: instant ?? start)
                try call?.countAsSlow(at: instant ?? start)
            } catch is Problem {
                isAdmitted = false
                return
            }
            isAdmitted = try reading(count - 1, at: instant, body)
        }
        return isAdmitted
    }

    /// Calls that are about to read large records count at once, and occupy half of the threads.
    @Test func largeRecordsCountAtOnce() throws {
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

    @Test func slowCallsThatAreNotLargeLeaveMoreToLargeOnes() throws {
        try during(2, of: "a") {
            let isAdmitted = try reading(1, at: later)
            #expect(isAdmitted)
        }
        try during(3, of: "a") {
            try occupying("a", at: start) { call in
                #expect(throws: Problem.self) { try call?.countAsSlow(at: later) }
                try call?.countAsSlow(at: start)
            }
        }
    }

    /// What ends is the call itself, not one that began at the same instant.
    @Test func callsOfOneInstantAreDistinct() throws {
        let answer = Response(status: .ok, body: [UInt8](repeating: 0, count: CallShares.largeAnswer + 1))
        try during(1, of: "a") {
            let large = try shares.occupying(for: "a", at: start) { _ in .response(answer) }
            try during(1, of: "a") {
                large.onSent?()
                large.onSent?()
                let isAdmitted = try reading(2)
                #expect(isAdmitted)
            }
        }
    }

    @Test func aLargeAnswerCountsUntilItIsSent() throws {
        let lengths = [0, 1].map { CallShares.largeAnswer + $0 }
        let replies = try [lengths[0], lengths[1], lengths[1], lengths[1]].map { length in
            try shares.occupying(for: "a", at: start) { call in
                .response(Response(status: .ok, body: [UInt8](repeating: 0, count: length)))
            }
        }
        #expect(replies.map { $0.onSent != nil } == [false, true, true, true])
        #expect(try [accepts("a", at: start), accepts("b", at: start)] == [false, true])
        for reply in replies { reply.onSent?() }
        #expect(try accepts("a", at: start) && reading(2))
    }

    @Test func aCallThatWaitsDoesNotCount() throws {
        for _ in 0..<4 {
            let waiting = try shares.occupying(for: "a", at: start) { _ in .wait(fallback: .noContent) { _ in } }
            #expect(waiting.onSent == nil)
        }
        #expect(try accepts("a", at: later))
    }
}
