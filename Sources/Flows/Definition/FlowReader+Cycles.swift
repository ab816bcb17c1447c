import JSON

extension FlowReader {
    private enum Visit {
        case none, open, done
    }

    /// Reports every cycle that has no task with a limit of visits, because a run could loop there without end. The
    /// problem points to the cycle's first task in the order of the flow.
    ///
    /// - Parameter successors: of each task, those to which its conditions lead.
    mutating func refuseCycles(_ successors: [[Int]], in tasks: [JSON]) {
        // A task with a limit breaks each cycle through it, so the search treats it as done.
        var visits = tasks.map { $0["max_visits"] == nil ? Visit.none : .done }
        var reported: Set<Int> = []
        for start in successors.indices where !successors[start].isEmpty && visits[start] == .none {
            // The path from `start` to the current task, each with the number of its successors that were visited.
            var path = [(task: start, seen: 0)]
            visits[start] = .open
            while let (task, seen) = path.last {
                guard seen < successors[task].count else {
                    visits[task] = .done
                    path.removeLast()
                    continue
                }
                let next = successors[task][seen]
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

    mutating func warnAboutUnreachable(_ successors: [[Int]], from start: Int) {
        var isReached = reached(from: start, successors)
        isReached[start] = true
        for index in isReached.indices where !isReached[index] {
            warningsFound.append(Violation(pointer: "/tasks/\(index)", message: "is never reached"))
        }
    }

    /// Whether a run may come to each task after the task at `start`.
    func reached(from start: Int, _ successors: [[Int]]) -> [Bool] {
        var isReached = [Bool](repeating: false, count: successors.count)
        var open = [start]
        while let task = open.popLast() {
            for next in successors[task] where !isReached[next] {
                isReached[next] = true
                open.append(next)
            }
        }
        return isReached
    }
}
