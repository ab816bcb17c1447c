import Flows
import HTTP
import JSON
import Postgres

/// The runs that a query of a list of runs selects: each of its conditions is read from an index.
enum RunSelection {
    static let filters: [PagedList.Filter] =
        [
            .idOfSource("user_id"), .choices("status", of: ExecutionStatus.schema), .workflowOfSource("workflow_id"),
            .idOrNull("parent_id", summary: "Only runs that this run started; `null`: only runs that no run started"),
            .boolean(
                "dead_letter",
                summary: "Only runs that were given up because they ended every worker that executed them",
                ifTrue: "(\(ExecutionSummary.deadLetters)) IS TRUE",
                ifFalse: "(\(ExecutionSummary.deadLetters)) IS NOT TRUE"
            ),
        ] + PagedList.Filter.times("created_at", sql: ExecutionSummary.createdAt)

    /// The indexes of the lists have the status, and whether the run has a parent, before the time. The runs of one
    /// parent, and those that were given up, are few: they are sorted.
    static func partitions(_ query: FormFields, of userID: String) -> [PagedList.Partition] {
        guard !selectsFew(query) else { return [] }
        let parents = query["parent_id"] == nil ? ["true", "false"] : ["true"]
        return [
            PagedList.Partition(column: ExecutionSummary.isTopLevel, values: "\(parents)::boolean[]"),
            PagedList.Partition(
                column: ExecutionSummary.storedStatus,
                values: "\(ExecutionStatus.stored(of: statuses(query) ?? ExecutionStatus.allCases))::run_status[]"),
        ]
    }

    /// The statuses that the query names; nil: all.
    private static func statuses(_ query: FormFields) -> [ExecutionStatus]? {
        query["status"].map { PagedList.Filter.values(in: $0).compactMap(ExecutionStatus.init) }
    }

    private static func selectsFew(_ query: FormFields) -> Bool {
        query["parent_id"]?.isUUID == true || query["dead_letter"] == "true"
    }

    /// The source of a list.
    ///
    /// - Parameter workflowID: the workflow that the path names.
    static func source(_ context: Context, workflowID: String?) throws -> SQL {
        let (user, query) = (try context.user, context.query)
        let ownerID = query["user_id"]?.lowercased()
        var conditions = [user.readableRuns.condition]
        if let ownerID { conditions.append("\(ExecutionSummary.userID) = \(ownerID)") }
        // A key that names no workflow selects no run.
        let named = try query["workflow_id"].map {
            try WorkflowKey.resolve($0, of: user.id, on: context.connection) ?? $0
        }
        let workflows = Set([workflowID, named].compactMap(\.self))
        if let id = workflows.first {
            let owner = workflows.count == 1 && id.isUUID ? try Workflow.owner(of: id, on: context.connection) : nil
            guard let owner, user.isAdmin || owner == user.id, ownerID == nil || owner == ownerID else {
                return ExecutionSummary.all(where: ["false"])
            }
            // All runs of a workflow belong to its owner. With a condition for the owner, the planner could choose to
            // read all runs of the owner.
            if !user.readsOnlyItsRuns { conditions = [] }
            conditions.append("\(ExecutionSummary.workflowID) = \(id)")
        }
        // The partitions select by the stored status. The planner must not overrate a condition that excludes little.
        if let statuses = statuses(query), selectsFew(query) || statuses.contains(where: { !$0.isEnd }) {
            conditions.append("(\(ExecutionSummary.status))::text = ANY(\(statuses.map(\.rawValue))::text[])")
        }
        if query["parent_id"] == "null" { conditions.append(ExecutionSummary.isTopLevel) }
        if let parentID = query["parent_id"], parentID.isUUID {
            return ExecutionSummary.few("\(ExecutionSummary.parentID) = \(parentID)", where: conditions)
        }
        guard query["dead_letter"] == "true" else { return ExecutionSummary.all(where: conditions) }
        let owner = ownerID ?? (user.isAdmin ? nil : user.id)
        let ofOwner: SQL = owner.map { " AND \(ExecutionSummary.userID) = \($0)" } ?? SQL()
        return ExecutionSummary.few("\(ExecutionSummary.deadLetters)\(ofOwner)", where: conditions)
    }
}
