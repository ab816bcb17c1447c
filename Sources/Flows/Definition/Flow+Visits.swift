extension Flow {
    /// The maximum number of visits to each task in one run, in the order of the tasks.
    ///
    /// Without cycles a run visits a task at most once. Every cycle has a task with a limit, so a run visits any other
    /// task at most once between two visits to the limited tasks on its cycles.
    var maximumVisits: [Int] {
        let limited = tasks.indices.filter { tasks[$0].maxVisits != nil }
        guard !limited.isEmpty else { return Array(repeating: 1, count: tasks.count) }
        let behind = limited.map { (limit: tasks[$0].maxVisits ?? 1, task: $0, ahead: reachable(from: $0)) }
        return tasks.indices.map { index in
            if let limit = tasks[index].maxVisits { return limit }
            let ahead = reachable(from: index)
            return behind.reduce(1) { $0 + (ahead[$1.task] && $1.ahead[index] ? $1.limit : 0) }
        }
    }

    /// For each position, whether a path of one or more edges leads to it from `start`.
    private func reachable(from start: Int) -> [Bool] {
        var isFound = Array(repeating: false, count: tasks.count)
        var open = [start]
        while let index = open.popLast() {
            for case .task(let next) in tasks[index].edges.lazy.map(\.target) where !isFound[next] {
                isFound[next] = true
                open.append(next)
            }
        }
        return isFound
    }
}
