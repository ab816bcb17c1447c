import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Workflow {
    private init(_ row: Row) throws {
        var columns = row.columns
        let (id, userID) = (try columns.next(String.self), try columns.next(String.self))
        let content = try Content(&columns)
        self.init(
            id: id, userID: userID, content: content, version: try columns.next(), revision: try columns.next(),
            concurrency: try columns.next(), priority: try columns.next(), maxQueued: try columns.next(),
            key: try columns.next(), onEnd: EndTarget(url: try columns.next(), statuses: try columns.next(JSON?.self)),
            createdAt: try columns.next(), updatedAt: try columns.next())
    }

    /// All workflows that are not deleted, each with its current version.
    private static let current: SQL = """
        workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
        WHERE w.deleted_at IS NULL
        """

    /// The workflows that the principal may read.
    static func readable(by principal: Principal) -> SQL {
        let own: SQL = principal.isAdmin ? "" : "AND w.user_id = \(principal.id)"
        return "\(current) \(own)"
    }

    /// Whether there is such a workflow that the principal may read; its flow is not read.
    static func mayBeRead(_ id: String, by principal: Principal, on connection: Connection) throws -> Bool {
        try !connection.query("SELECT FROM \(readable(by: principal)) AND w.id = \(id)").isEmpty
    }

    /// The workflow as the principal, who may read it, is shown it, and its tag; nil if there is none.
    static func shown(
        _ id: String, to principal: Principal, on connection: Connection
    ) throws -> (text: JSONText, tag: EntityTag)? {
        try connection.query(
            "SELECT \(resource.columns), w.revision FROM \(readable(by: principal)) AND w.id = \(id)"
        ).first.map { row in
            var columns = row.columns
            let text = try JSONText.object { try resource.write(&columns, to: &$0) }
            return (text, EntityTag(version: try columns.next()))
        }
    }

    private static func selection(_ id: String) -> SQL {
        """
        SELECT w.id, w.user_id, \(Content.columns), w.version, w.revision, w.concurrency, w.priority,
            w.max_queued, w.key, w.end_url, array_to_json(w.end_statuses), rfc3339(w.created_at),
            rfc3339(w.updated_at)
        FROM \(current) AND w.id = \(id)
        """
    }

    /// The owner of the workflow, also of a deleted one, because its runs stay stored.
    static func owner(of id: String, on connection: Connection) throws -> String? {
        try connection.query("SELECT user_id FROM workflows WHERE id = \(id)").first?.decode(String.self)
    }

    /// The workflow, or nil; `locked` prevents concurrent changes until the transaction ends.
    static func find(_ id: String, locked: Bool = false, on connection: Connection) throws -> Workflow? {
        guard locked else { return try connection.query(selection(id)).first.map(Workflow.init) }
        // Two statements: one that waits for the row lock would then look for the previous version and find none.
        let lock: SQL = "SELECT FROM workflows WHERE id = \(id) FOR NO KEY UPDATE"
        return try connection.pipeline([lock, selection(id)])[1].first.map(Workflow.init)
    }

    /// Stores a workflow; nil when the user has the maximum number. Throws 401 for a user who is disabled by now.
    static func insert(
        _ draft: WorkflowDraft, of userID: String, counting quota: StorageQuota, on connection: Connection
    ) throws -> Workflow? {
        try connection.atomically { connection in
            // One call per user at a time: of two concurrent ones, neither would count the other's workflow.
            let user = try connection.query(
                "SELECT FROM users WHERE id = \(userID) AND disabled_at IS NULL FOR NO KEY UPDATE")
            guard !user.isEmpty else { throw Problem.invalidToken }
            let id = UUIDv7.make()
            let row: SQL = """
                INSERT INTO workflows (
                    id, user_id, version, concurrency, priority, max_queued, key, end_url, end_statuses)
                SELECT \(id)::uuid, \(userID)::uuid, 1, \(optional: draft.concurrency)::integer,
                    \(draft.priority)::smallint, \(optional: draft.maxQueued)::integer, \(optional: draft.key)::text,
                    \(optional: draft.onEnd?.url)::text, \(optional: draft.onEnd?.statuses)::text[]
                WHERE (
                    SELECT count(*) FROM workflows WHERE user_id = \(userID) AND deleted_at IS NULL
                ) < \(maximumWorkflows)
                """
            let version = draft.content.insertion(as: id, of: userID, counting: quota)
            return try connection.pipeline([row, version, selection(id)])[2].first.map(Workflow.init)
        }
    }

    /// Saves the differences and returns the saved workflow; nil if it has the maximum number of versions. The workflow
    /// must have been read with `locked`: of two calls at once, the second counts the version of the first.
    func save(
        _ draft: WorkflowDraft, counting quota: StorageQuota, on connection: Connection
    ) throws -> Workflow? {
        guard !isIdentical(to: draft) else { return self }
        let addsVersion = !draft.content.isIdentical(to: content)
        if addsVersion, try versionCount(on: connection) >= Workflow.maximumVersions { return nil }
        // Later than the last change even if the clock went back, because versions are listed by their times.
        let change: SQL = """
            UPDATE workflows
            SET version = version + \(addsVersion ? 1 : 0), revision = revision + 1,
                concurrency = \(optional: draft.concurrency), priority = \(draft.priority),
                max_queued = \(optional: draft.maxQueued), key = \(optional: draft.key),
                end_url = \(optional: draft.onEnd?.url), end_statuses = \(optional: draft.onEnd?.statuses)::text[],
                updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
            WHERE id = \(id)
            """
        let insertion = addsVersion ? [draft.content.insertion(as: id, of: userID, counting: quota)] : []
        let results = try connection.pipeline([change] + insertion + [Workflow.selection(id)])
        return try Workflow(try results[results.endIndex - 1].only)
    }

    private func versionCount(on connection: Connection) throws -> Int {
        try connection.query("SELECT count(*) FROM workflow_versions WHERE workflow_id = \(id)").only.decode(Int.self)
    }

    /// Deletes the workflow and its schedule. The versions stay that runs name.
    func delete(_ audit: AuditTrail, counting quota: StorageQuota, on connection: Connection) throws {
        try connection.pipeline(
            [
                "UPDATE workflows SET deleted_at = now() WHERE id = \(id)",
                Schedule.removal(ofWorkflow: id, of: userID, counting: quota),
            ] + EndSecret.removal(of: id)
                + RunRemoval.removingVersions(of: id, ownedBy: userID, counting: quota))
        try audit.record(.workflowDeleted(id))
    }
}

extension Workflow.Content {
    /// Of `workflow_versions v`.
    fileprivate static let columns: SQL = "v.name, v.description, v.flow, v.input_schema, v.passes_errors"

    fileprivate init(_ columns: inout Columns) throws {
        self.init(
            name: try columns.next(), description: try columns.next(), flow: try columns.next(),
            inputSchema: try columns.next(JSON?.self), passesErrors: try columns.next())
    }

    /// The statement that inserts the content as the current version in the workflow's row.
    fileprivate func insertion(as workflowID: String, of userID: String, counting quota: StorageQuota) -> SQL {
        """
        WITH saved AS (
            INSERT INTO workflow_versions AS v (
                workflow_id, version, name, description, flow, passes_errors, input_schema, created_at)
            SELECT id, version, \(name), \(optional: description), \(flow), \(passesErrors),
                \(optional: inputSchema)::json, updated_at
            FROM workflows
            WHERE id = \(workflowID)
            RETURNING stored_bytes(v) AS bytes
        )
        \(quota.counting("(SELECT bytes FROM saved)", of: userID))
        """
    }
}

extension WorkflowVersion {
    /// The version with that number, or nil. The caller checks access to the workflow.
    static func find(_ number: Int64, of workflow: Workflow, on connection: Connection) throws -> WorkflowVersion? {
        try connection.query(
            """
            SELECT v.version, \(Workflow.Content.columns) FROM workflow_versions v
            WHERE workflow_id = \(workflow.id) AND version = \(number)
            """
        ).first.map { row in
            var columns = row.columns
            let number = try columns.next(Int64.self)
            return WorkflowVersion(number: number, content: try Workflow.Content(&columns))
        }
    }

    /// The version with that number as it is shown, or nil. The caller checks access to the workflow.
    static func text(_ number: Int64, ofWorkflow id: String, on connection: Connection) throws -> JSONText? {
        try connection.query("SELECT \(resource.columns) FROM \(all(ofWorkflow: id)) AND version = \(number)")
            .first.map(resource.text)
    }

    /// Removes a version; false if a run names it. It must not be the current version, and the workflow must have been
    /// read with `locked`.
    func remove(
        from workflow: Workflow, counting quota: StorageQuota, on connection: Connection
    ) throws -> Bool {
        let removal = RunRemoval.removing(
            version: number, of: workflow.id, ownedBy: workflow.userID, counting: quota)
        return try connection.pipeline(removal).last?.affectedCount == 1
    }

    /// All versions of the workflow.
    static func all(ofWorkflow id: String) -> SQL { "workflow_versions WHERE workflow_id = \(id)" }
}
