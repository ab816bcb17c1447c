import Flows
import JSON

/// How far a step has come that starts runs for several items, a limited number of them at a time. It is what the step
/// stores while it waits.
struct StartedItems {
    /// How many items have a run.
    let count: Int
    /// Whether some of the runs were taken over from an earlier attempt: then these are not the first items.
    private let hasGaps: Bool
    /// The number of runs that may start now.
    private let room: Int
    private let isWaiting: Bool
    private let context: TaskContext

    /// - Parameter concurrency: the maximum number of active runs.
    init(_ context: TaskContext, concurrency: JSON?) throws {
        self.context = context
        count = Int(context.stored?["started"]?.integerValue ?? 0)
        hasGaps = context.stored?["has_gaps"] == true
        let active = count > 0 ? try context.activeRuns() : 0
        room = Int(concurrency?.integerValue ?? SubFlow.defaultConcurrency) - active
        isWaiting = active > 0
    }

    /// Whether this is the first call of the attempt.
    var isFirst: Bool { context.stored == nil }

    /// What the step waits for; nil if the runs of all items have ended.
    ///
    /// - Parameters:
    ///   - total: the number of items.
    ///   - groups: the runs for these items. At the first call it gets all items, to check them before one starts.
    func progress(of total: Int, _ groups: ([Int]) throws -> [ChildGroup]) throws -> Progress? {
        if isFirst {
            let completed = try context.completedRuns(of: groups(Array(0..<total)))
            if !completed.isEmpty {
                return .wait(
                    until: .after(.zero), storing: stored(completed.count, hasGaps: true),
                    starting: context.takingOver(completed))
            }
        }
        if count < total, room > 0 {
            let items = Array(try pending(total).prefix(room))
            return .wait(
                until: .runs(), storing: stored(count + items.count, hasGaps: hasGaps),
                starting: try context.start(groups(items)))
        }
        return count < total || isWaiting ? .wait(until: .runs(), storing: stored(count, hasGaps: hasGaps)) : nil
    }

    private func pending(_ total: Int) throws -> [Int] {
        guard hasGaps else { return Array(count..<total) }
        let started = try context.startedItems()
        return (0..<total).filter { !started.contains($0) }
    }

    private func stored(_ count: Int, hasGaps: Bool) -> JSON {
        hasGaps ? ["started": JSON(count), "has_gaps": true] : ["started": JSON(count)]
    }
}
