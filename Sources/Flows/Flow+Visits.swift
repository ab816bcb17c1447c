extension Flow {
    /// How often a run may come to the task of that position, at most.
    ///
    /// Without cycles a run comes to a task once. Every cycle has a task with a limit, so between two visits to such
    /// tasks of its cycles a run comes to any other once.
    func visits(of index: Int) -> Int {
        if let limit = tasks[index].maxVisits { return limit }
        let limited = tasks.indices.filter { tasks[$0].maxVisits != nil }
        guard !limited.isEmpty else { return 1 }
        let ahead = reachable(from: index)
        let onCycle = limited.filter { ahead.contains($0) && reachable(from: $0).contains(index) }
        return onCycle.reduce(1) { $0 + (tasks[$1].maxVisits ?? 1) }
    }

    /// The positions to which edges lead from that one, over others too.
    private func reachable(from start: Int) -> Set<Int> {
        var found: Set<Int> = []
        var open = [start]
        while let index = open.popLast() {
            guard let condition = tasks[index].condition else { continue }
            for case .task(let next) in [condition.onMatch, condition.otherwise] where found.insert(next).inserted {
                open.append(next)
            }
        }
        return found
    }
}
