import JSON

extension FlowReader {
    private enum Visit {
        case none, open, done
    }

    /// A cycle would run for ever, unless a task on it has a limit of visits: refused, named by its first task in the
    /// order of the flow.
    mutating func refuseCycles(_ conditions: [Condition?], amid tasks: [JSON]) {
        // A task with a limit ends each way through it: it is as if it had been looked at.
        var visits = tasks.map { $0["max_visits"] == nil ? Visit.none : .done }
        var firsts: Set<Int> = []
        for start in conditions.indices where conditions[start] != nil && visits[start] == .none {
            // From `start` to the task at hand: each with the number of its successors that were looked at.
            var path = [(task: start, seen: 0)]
            visits[start] = .open
            while let (task, seen) = path.last {
                guard let next = successor(seen, of: task, conditions) else {
                    visits[task] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].seen += 1
                switch visits[next] {
                case .none:
                    visits[next] = .open
                    path.append((next, 0))
                case .open:
                    let cycle = path.map(\.task).drop { $0 != next }
                    firsts.insert(cycle.min() ?? next)
                case .done: break
                }
            }
        }
        for task in firsts.sorted() { report("/tasks/\(task)", "is on a cycle without a task that has max_visits") }
    }

    /// Of the tasks to which the condition after `task` leads, the one of that position, if there are so many.
    private func successor(_ position: Int, of task: Int, _ conditions: [Condition?]) -> Int? {
        guard let condition = conditions[task] else { return nil }
        switch (position, condition.onMatch, condition.otherwise) {
        case (0, .task(let next), _), (0, _, .task(let next)), (1, .task, .task(let next)): return next
        default: return nil
        }
    }

    mutating func warnAboutUnreachable(_ conditions: [Condition?], from start: Int) {
        var isReached = [Bool](repeating: false, count: conditions.count)
        isReached[start] = true
        var open = [start]
        while let task = open.popLast() {
            for position in 0...1 {
                guard let next = successor(position, of: task, conditions), !isReached[next] else { continue }
                isReached[next] = true
                open.append(next)
            }
        }
        for index in isReached.indices where !isReached[index] {
            doubts.append(Violation(pointer: "/tasks/\(index)", message: "is never reached"))
        }
    }
}
