extension Flow {
    /// The maximum number of visits to each task in one run, in the order of the tasks.
    var maximumVisits: [Int] { maximumVisits(from: start, after: Array(repeating: 0, count: tasks.count)) }

    /// The maximum number of visits to each task in the rest of a run, in the order of the tasks: from the visit to
    /// `next` on, after `visits` to each task.
    ///
    /// A task without a limit is visited at most once, and once more after each visit to a limited task that is on a
    /// cycle with it: every cycle has a task with a limit. If `next` is such a task, it is visited before the other.
    func maximumVisits(from next: Int, after visits: [Int]) -> [Int] {
        let rest = zip(tasks, visits).map { task, visits in task.maxVisits.map { max(0, $0 - visits) } }
        guard rest[next] != 0 else { return visits.map { _ in 0 } }
        var isAhead = reachable(from: next, rest)
        isAhead[next] = true
        let limited = tasks.indices.filter { isAhead[$0] && rest[$0] != nil }
        let behind = limited.map { (task: $0, rest: rest[$0] ?? 0, ahead: reachable(from: $0, rest)) }
        return tasks.indices.map { index in
            guard isAhead[index] else { return 0 }
            if let rest = rest[index] { return rest }
            guard !behind.isEmpty else { return 1 }
            let ahead = reachable(from: index, rest)
            return behind.reduce(1) { visits, limited in
                guard ahead[limited.task], limited.ahead[index] else { return visits }
                return visits + limited.rest - (limited.task == next ? 1 : 0)
            }
        }
    }

    /// For each position, whether a path of one or more edges leads to it from `start`.
    ///
    /// - Parameter rest: the number of visits that are left to each limited task; paths avoid those that have none.
    private func reachable(from start: Int, _ rest: [Int?]) -> [Bool] {
        var isFound = Array(repeating: false, count: tasks.count)
        var open = [start]
        while let index = open.popLast() {
            for next in tasks[index].conditions.successors where !isFound[next] && rest[next] != 0 {
                isFound[next] = true
                open.append(next)
            }
        }
        return isFound
    }
}
