import Crypto
import JSON
import Postgres
import System

/// What the queries of a flow see of its run, as the members of `$`.
struct RunScope: Sendable {
    /// What is the same during the whole run.
    struct Run: Sendable {
        let flow: JSON
        let execution: JSON
        let user: JSON

        /// For a flow without queries, and for a state that only counts visits.
        static let empty = Run(flow: .null, execution: .null, user: .null)
    }

    let input: JSON
    let run: Run
    /// Of the tasks that queries name: their names, and the last result of each, in the order of the flow's tasks.
    let results: [(name: String, result: TaskResult)]

    /// `$`, as far as the queries can see it.
    func root(for queries: [JSONPath]) -> JSON {
        let names = queries.flatMap(\.allLeadingNames)
        // A query that begins with anything but a name may see all.
        let first = Set(names.map { $0.first.map { TextKey($0) } })
        func isSeen(_ name: String) -> Bool { first.contains(nil) || first.contains(TextKey(name)) }
        var root = JSONObject()
        if isSeen("input") { root["input"] = input }
        if isSeen("tasks") { root["tasks"] = .object(JSONObject(tasks(namedIn: names))) }
        if isSeen("flow") { root["flow"] = run.flow }
        if isSeen("execution") { root["execution"] = run.execution }
        if isSeen("user") { root["user"] = run.user }
        return .object(root)
    }

    private func tasks(namedIn names: [[String]]) -> [JSONObject.Member] {
        let seen = Set(names.compactMap { TaskReference($0) })
        return results.filter { seen.contains(.all) || seen.contains(.one($0.name)) }
            .map { .init(name: $0.name, value: $0.result.json) }
    }
}

/// The end of a task's last step, as queries see it.
struct TaskResult: Sendable {
    let status: StepStatus
    let output: JSON
    let failure: TaskFailure?
    let attempt: Int

    init(_ status: StepStatus, _ output: JSON = .null, failure: TaskFailure? = nil, attempt: Int) {
        self.status = status
        self.output = output
        self.failure = failure
        self.attempt = attempt
    }

    var json: JSON {
        [
            "status": .string(status.rawValue), "output": output, "error": failure?.json ?? .null,
            "attempt": JSON(attempt),
        ]
    }
}

extension RunScope.Run {
    /// - Parameter connection: nil if no query of the flow sees the user.
    init(of execution: Execution, on connection: Connection?) throws {
        flow = execution.flow
        let created = UUIDv7.milliseconds(of: execution.id).map { JSON.string(RFC3339.text(milliseconds: $0)) }
        self.execution = [
            "id": .string(execution.id), "workflow_id": execution.source.workflowID.map(JSON.string) ?? .null,
            "version": execution.source.version.map { JSON($0) } ?? .null, "created_at": created ?? .null,
        ]
        let email = try connection?.query("SELECT email FROM users WHERE id = \(execution.userID)").first?
            .decode(String?.self)
        user = ["id": .string(execution.userID), "email": email.map(JSON.string) ?? .null]
    }
}

extension Execution {
    /// The last results, before the step with that number, of the tasks that queries of the flow see.
    func results(for flow: Flow, before number: Int, on connection: Connection) throws -> [TextKey: TaskResult] {
        guard !flow.references.isEmpty, number > 1 else { return [:] }
        let names = zip(flow.tasks, flow.references.tasks).filter(\.1).map { JSON.string($0.0.name) }
        let rows = try connection.query(
            """
            SELECT DISTINCT ON (s.task) s.task, s.status, s.output, s.error, s.attempt FROM steps s
            WHERE s.execution_id = \(id) AND s.seq < \(number) AND NOT s.superseded
                AND s.task IN (SELECT json_array_elements_text(\(JSON.array(names))))
            ORDER BY s.task, s.seq DESC
            """)
        var results: [TextKey: TaskResult] = [:]
        for row in rows {
            let (task, status, output, error, attempt) = try row.decode(
                String.self, String.self, JSON?.self, JSON?.self, Int.self)
            results[TextKey(task)] = TaskResult(
                StepStatus(rawValue: status) ?? .failure, output ?? .null,
                failure: error.flatMap { TaskFailure(json: $0) }, attempt: attempt)
        }
        return results
    }
}
