package import JSON
package import Postgres

/// A version of a stored workflow, reduced to what its execution needs.
package struct StoredFlow: Sendable {
    let workflowID: String
    /// The owner of the workflow, and so of its runs.
    package let userID: String
    package let flow: JSON
    /// As `Flow.passesErrors`.
    package let passesErrors: Bool
    package let version: Int
    /// Whether the workflow has a concurrency limit.
    private let isLimited: Bool
    /// Nil: any input.
    let inputSchema: JSON?

    /// As the source of a run.
    package var source: FlowSource { .workflow(id: workflowID, version: version, isLimited: isLimited) }

    /// Finds a version, also of a deleted workflow, because its runs continue.
    package static func find(_ workflowID: String, version: Int, on connection: Connection) throws -> StoredFlow? {
        try read("w.id = \(workflowID)", version: "\(version)", on: connection)
    }

    /// Finds a version of the user's workflow, or of any user's if `userID` is nil, unless that is deleted. Default:
    /// the current version.
    ///
    /// - Parameter workflow: its id or, if `userID` is given, its key.
    package static func find(
        _ workflow: String, of userID: String?, version: Int? = nil, on connection: Connection
    ) throws -> StoredFlow? {
        let ofUser: SQL = userID.map { "AND w.user_id = \($0)" } ?? SQL()
        return try read(
            "\(WorkflowKey.condition(workflow, of: userID)) \(ofUser) AND w.deleted_at IS NULL",
            version: version.map { "\($0)" } ?? "w.version", on: connection)
    }

    private static func read(
        _ condition: SQL, version: SQL, on connection: Connection
    ) throws -> StoredFlow? {
        let rows = try connection.query(
            """
            SELECT w.id, w.user_id, v.flow, v.passes_errors, v.version, w.concurrency IS NOT NULL, v.input_schema
            FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = \(version)
            WHERE \(condition)
            """)
        guard let row = rows.first else { return nil }
        let (workflowID, userID, flow, passesErrors, version, isLimited, inputSchema) = try row.decode(
            String.self, String.self, JSON.self, Bool.self, Int.self, Bool.self, JSON?.self)
        return StoredFlow(
            workflowID: workflowID, userID: userID, flow: flow, passesErrors: passesErrors, version: version,
            isLimited: isLimited, inputSchema: inputSchema)
    }
}
