import Testing

@testable import Flows

/// Which calls begin, without making any.
@Suite struct CallScheduleTests {
    private var schedule: CallSchedule
    private var now = ContinuousClock.now

    init() {
        var limits = ExternalCalls.Limits(atOnce: 4, perTarget: 2)
        limits.perUser = 2
        schedule = CallSchedule(limits)
    }

    /// All calls that may begin now, in order.
    private mutating func begin() -> [String] {
        var begun: [String] = []
        while let id = schedule.next(at: now) { begun.append(id) }
        return begun
    }

    @Test mutating func usersHaveTurns() {
        for number in 1...5 { schedule.add("a\(number)", of: "a", to: "h\(number)") }
        for number in 1...2 { schedule.add("b\(number)", of: "b", to: "k\(number)") }
        #expect(begin() == ["a1", "b1", "a2", "b2"])
        #expect(schedule.runningCount == 4 && schedule.waitingCount == 3)
    }

    @Test mutating func aUserHasAShareOfTheCalls() {
        for number in 1...4 { schedule.add("a\(number)", of: "a", to: "h\(number)") }
        #expect(begin() == ["a1", "a2"])
        schedule.end("a1")
        #expect(begin() == ["a3"])
    }

    /// A call to another target overtakes those that wait for theirs.
    @Test mutating func aTargetHasAShareOfTheCalls() {
        for user in ["a", "b", "c"] { schedule.add(user + "1", of: user, to: "slow") }
        schedule.add("c2", of: "c", to: "fast")
        #expect(begin() == ["a1", "b1", "c2"])
        schedule.end("a1")
        #expect(begin() == ["c1"])
    }

    /// Such as one that has left a thread behind: it counts in all shares until then.
    @Test mutating func aCallMayCountForATimeAfterItsEnd() {
        for number in 1...4 { schedule.add("a\(number)", of: "a", to: "h") }
        #expect(begin() == ["a1", "a2"])
        schedule.end("a1", remainingUntil: now + .seconds(30))
        schedule.end("a2", remainingUntil: now + .seconds(40))
        schedule.add("b1", of: "b", to: "h")
        schedule.add("b2", of: "b", to: "k")
        #expect(begin() == ["b2"])
        #expect(schedule.runningCount == 3)
        now += .seconds(30)
        #expect(begin() == ["a3"])
        now += .seconds(10)
        #expect(begin() == ["b1"])
        #expect(schedule.runningCount == 3)
    }

    @Test mutating func aWithdrawnCallDoesNotBegin() {
        for id in ["a1", "a2", "a3", "a4"] { schedule.add(id, of: "a", to: id) }
        #expect(begin() == ["a1", "a2"])
        let withdrawn = ["a3", "a1", "a3"].map { schedule.withdraw($0, of: "a") }
        #expect(withdrawn == [true, false, false])
        schedule.end("a1")
        #expect(begin() == ["a4"])
        schedule.end("a2")
        schedule.end("a4")
        #expect(schedule.runningCount == 0 && schedule.waitingCount == 0)
    }
}
