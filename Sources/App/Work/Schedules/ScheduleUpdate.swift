import JSON
import Postgres
import System

/// What is stored of a decision about an instant.
struct ScheduleUpdate {
    /// The instant that was decided about, in seconds since 1970.
    let instant: Int64
    private let due: DueSchedule
    private let decidedUntil: Int64
    private let nextTimes: [Int64]
    private var outcome = ScheduleOutcome.skipped
    private var run: String?
    private var code: String?
    private var problem: ScheduleProblem?

    /// - Parameter next: the instants that are not decided yet, in order.
    init(_ due: DueSchedule, _ decision: Misfire.Decision, next: [Int64]) {
        self.due = due
        instant = decision.instant ?? due.dueAt
        decidedUntil = decision.decidedUntil
        nextTimes = Array(next.prefix(Schedule.shownTimes))
    }

    mutating func start(_ run: String) {
        (outcome, self.run) = (.started, run)
    }

    mutating func skip(_ reason: Schedule.SkipReason) {
        (outcome, code) = (.skipped, reason.rawValue)
    }

    mutating func fail(_ problem: ScheduleProblem) {
        (outcome, code, self.problem) = (.failed, problem.code, problem)
    }

    var statement: SQL {
        let last: JSON = [
            "at": .string(RFC3339.text(milliseconds: instant * 1_000)), "outcome": .string(outcome.rawValue),
            "execution_id": JSON(run), "code": JSON(code),
        ]
        return """
            UPDATE schedules
            SET decided_until = to_timestamp(\(decidedUntil)), next_times = \(Schedule.timestamps(nextTimes)),
                last = \(last), last_run = coalesce(\(optional: run)::uuid, last_run),
                problem = CASE WHEN \(outcome == .skipped) THEN problem ELSE \(optional: problem?.json)::json END
            WHERE id = \(due.id)
            """
    }

    /// A problem that lasts is reported once.
    var event: ApplicationEvent {
        if let problem, !due.hasProblem {
            .scheduleFailed(scheduleID: due.id, code: problem.code, detail: problem.detail ?? problem.message)
        } else {
            .scheduleDecided(outcome)
        }
    }
}
