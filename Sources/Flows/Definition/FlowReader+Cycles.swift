import JSON

extension FlowReader {
    private enum Visit {
        case none, open, done
    }

    /// Reports every cycle that has no task with a limit of visits, because a run could loop there forever. The
    /// problem points to the cycle's first task in the order of the flow.
    mutating func refuseCycles(_ edges: [[Edge]], in tasks: [JSON]) {
        // A task with a limit breaks each cycle through it, so the search treats it as done.
        var visits = tasks.map { $0["max_visits"] == nil ? Visit.none : .done }
        var reported: Set<Int> = []
        for start in edges.indices where !edges[start].isEmpty && visits[start] == .none {
            // The path from `start` to the current task, each with the number of its successors that were visited.
            var path = [(task: start, seen: 0)]
            visits[start] = .open
            while let (task, seen) = path.last {
                guard let next = successor(seen, of: task, edges) else {
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
                    reported.insert(cycle.min() ?? next)
                case .done: break
                }
            }
        }
        for task in reported.sorted() { report("/tasks/\(task)", "is on a cycle without a task that has max_visits") }
    }

    /// The task at `position` among those that edges lead to from `task`; nil if there are fewer.
    private func successor(_ position: Int, of task: Int, _ edges: [[Edge]]) -> Int? {
        var position = position
        for case .task(let next) in edges[task].lazy.map(\.target) {
            if position == 0 { return next }
            position -= 1
        }
        return nil
    }

    mutating func warnAboutUnreachable(_ edges: [[Edge]], from start: Int) {
        var isReached = [Bool](repeating: false, count: edges.count)
        isReached[start] = true
        var open = [start]
        while let task = open.popLast() {
            for case .task(let next) in edges[task].lazy.map(\.target) where !isReached[next] {
                isReached[next] = true
                open.append(next)
            }
        }
        for index in isReached.indices where !isReached[index] {
            warningsFound.append(Violation(pointer: "/tasks/\(index)", message: "is never reached"))
        }
    }
}
