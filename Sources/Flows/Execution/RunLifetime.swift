package import JSON
import Postgres
import System

/// How long a run may last, from its creation to its end. A step cannot wait for longer than what is left of it; a run
/// that has not ended then ends as `expired`.
package struct RunLifetime: Sendable {
    package let days: Int

    /// The code of the failure of a step that would wait for too long.
    static let exceeded = "run_lifetime_exceeded"

    package init(days: Int) { self.days = days }

    var duration: Duration { .seconds(days * 86_400) }

    /// Why a run ends that has lasted as long.
    var expiry: TaskFailure {
        TaskFailure(code: "expired", message: "The run has not ended within its lifetime of \(days) days")
    }

    /// The condition that the run with that id has lasted as long. It is one on the order of the ids, for an index and
    /// the partitions of the history.
    func isOver(for id: SQL) -> SQL { "\(id) < \(first)" }

    /// The condition that it has not.
    func isLeft(for id: SQL) -> SQL { "\(id) >= \(first)" }

    private var first: SQL { "first_id(statement_timestamp() - \(days)::integer * interval '1 day')" }

    /// What is wrong with a number of seconds that a flow defines as the time of a wait; empty if a run may last as
    /// long.
    ///
    /// - Parameter member: of the input, which may be a template.
    package func mistakes(inWait member: String, of input: JSON) -> Violations {
        guard let seconds = input[member]?.doubleValue, .seconds(seconds) > duration else { return [] }
        return [Violation(at: JSONPointer([.name(member)]), "is longer than the \(days) days that a run may last")]
    }

    /// Throws if a wait would end after the end of the run's lifetime.
    ///
    /// - Parameter age: of the run now.
    func check(_ due: Due, age: Duration) throws(TaskFailure) {
        let rest: Duration?
        switch due {
        case .after(let delay): rest = delay
        case .at(let text, let limit):
            let end = RFC3339.milliseconds(text).map { milliseconds in
                .milliseconds(milliseconds) - Duration.seconds(WallClock.seconds)
            }
            rest = end.map { min($0, limit ?? $0) }
        case .woken, .runs: rest = nil
        }
        guard let rest, age + rest > duration else { return }
        throw TaskFailure(
            code: Self.exceeded,
            message: "The step would wait until after the end of the run's lifetime of \(days) days")
    }
}
