import Flows
import JSON
import Postgres
import TestSupport
import Testing

/// A migrated database with one user, a connection with the role of the program, and tasks that write documents.
struct RunnerFixture {
    static let userID = "00000000-0000-7000-8000-000000000001"
    static let executionID = "00000000-0000-7000-8000-0000000000ee"

    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try database.connect().execute(
            "INSERT INTO users (id, username, password_hash) VALUES (\(Self.userID), 'tester', '-')")
    }

    /// Runs a flow of the plain tasks, of `tasks` and of the following: `keep` stores its input as a document named by
    /// the number of the step, `keep and fail` then fails, and `cut` ends the session of the run.
    @discardableResult
    func run(
        _ json: JSON, input: JSON = [:], id: String = executionID, tasks: [TestTask] = [],
        with hooks: CommitHooks? = nil
    ) throws -> Execution {
        let database = database
        let catalog = TaskCatalog(
            TaskCatalog.plain.tasks.filter { $0.type != "keep" } + tasks + [
                TestTask("keep", effect: .transactional, body: Self.keep),
                TestTask("keep and fail", effect: .transactional) { input, context in
                    _ = try Self.keep(input, context)
                    throw TaskFailure(code: "full", message: "No room")
                },
                TestTask("cut") { input, context in
                    let session = try context.connection.query("SELECT pg_backend_pid()").only.decode(Int.self)
                    try database.end(session: session)
                    return input
                },
            ])
        let engine = Engine(catalog: catalog)
        let execution = Execution(id: id, userID: Self.userID, flow: json, input: input)
        return try engine.run(
            execution, engine.plan(json, for: RunnerFixture.userID, on: connection), on: connection, with: hooks
        ).execution
    }

    static func keep(_ input: JSON, _ context: TaskContext) throws -> JSON {
        try context.connection.execute(insertion(of: "\(context.step)", value: input))
        return input
    }

    static func insertion(of name: String, value: JSON) -> SQL {
        "INSERT INTO documents (user_id, name, value) VALUES (\(userID), \(name), \(value == .null ? "none" : value))"
    }

    /// The committed state of the run, as seen by another session.
    struct Committed: Equatable {
        /// The transactions that wrote the current rows.
        let xids: Set<String>
        /// Names, sorted.
        let documents: [String]
        let steps: Int
        let status: String?
    }

    func committed() throws -> Committed { try Self.committed(in: database) }

    static func committed(in database: TestDatabase) throws -> Committed {
        let connection = database.connect()
        return Committed(
            xids: Set(
                try connection.query(
                    """
                    SELECT xmin::text FROM executions UNION SELECT xmin::text FROM steps
                    UNION SELECT xmin::text FROM documents
                    """
                ).map { try $0.decode(String.self) }),
            documents: try connection.query("SELECT name FROM documents ORDER BY name").map {
                try $0.decode(String.self)
            },
            steps: try connection.query("SELECT count(*) FROM steps").only.decode(Int.self),
            status: try connection.query("SELECT status FROM executions").first?.decode(String.self))
    }
}

extension Execution {
    /// The last step's output.
    var result: JSON? { steps.last?.output }
}
