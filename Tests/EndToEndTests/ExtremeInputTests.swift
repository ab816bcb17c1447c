import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// A trap ends a process with the requests of all its clients: no number in a request may cause one.
@Suite struct ExtremeInputTests {
    let caller: RunCaller
    let bystander: TestUser

    init() throws {
        caller = try RunCaller(Stack.shared.get())
        bystander = try caller.stack.makeUser()
    }

    private static let numbers: [JSON] =
        [.integer(.min), .integer(.max), .unsigned(.max), -1, 0, 3_037_000_500, 9_007_199_254_740_993]
        + [
            -0.0, 0.5, .leastNonzeroMagnitude, 1e19, -1e19, 1e39, -1e39, 1e154, 1e200, 1e308, -1e308, 0x1p63, 0x1p126,
            0x1p127, 0x1p254, .greatestFiniteMagnitude,
        ].map(JSON.number)

    private static let operations: [(type: String, arguments: [JSON])] = numbers.flatMap { number in
        ["addition", "subtraction", "multiplication", "division"].map { ($0, [number, number]) }
            + [("division", [number, -1]), ("square_root", [number]), ("random_string", [number])]
    }

    /// The responders and workers.
    private var servers: Set<Int32> {
        let roles = [["respond"], ["work"]]
        return Set(caller.stack.processes.filter { roles.contains(Array($0.arguments.dropFirst())) }.map(\.id))
    }

    private func grant() throws {
        let grant: JSON = ["user_id": .string(caller.user.id), "amount": 10_000]
        #expect(try caller.stack.post("/api/credits/grants", grant, token: caller.stack.adminToken()).status == 201)
    }

    /// Does not read the record of the run, which is large here.
    private func waitForEnd(of run: String) throws {
        let connection = caller.stack.database.connect()
        try eventually("the run has ended") {
            try connection.query("SELECT FROM queue WHERE execution_id = \(run)").isEmpty
        }
    }

    /// Sends all requests at once, each next to one of another user, which must succeed.
    private func expectNoProcessEnds(_ calls: [(target: String, body: JSON)]) throws {
        let (stack, before) = (caller.stack, servers)
        #expect(before.count == 3)
        let other = stack.client.message("GET", "/api/credits", headers: [stack.bearer(bystander.token)])
        let messages = calls.flatMap { target, body in
            let headers = [stack.bearer(caller.user.token), ("Content-Type", "application/json")]
            return [stack.client.message("POST", target, headers: headers, body: body.serialized()), other]
        }
        for (position, answer) in try stack.client.exchange(atOnce: messages).enumerated() {
            let call = calls[position / 2]
            let isBystander = position % 2 == 1
            #expect(
                answer.status == 200 || !isBystander && answer.status == 422,
                "\(isBystander ? "next to " : "")\(call.target) \(call.body.text): \(answer.text)")
        }
        #expect(servers == before, "a process ended")
    }

    @Test func argumentsOfOperationsEndNoProcess() throws {
        try grant()
        try expectNoProcessEnds(
            Self.operations.map { ("/api/operations/\($0.type)/run", ["arguments": .array($0.arguments)]) })
    }

    @Test func numbersInFlowsEndNoProcess() throws {
        let fields = ["max_attempts", "initial_delay", "factor", "max_delay", "jitter"]
        let tasks = Self.numbers.flatMap { number in
            let task = JSON.task("a", "pass")
            return [task.with(["timeout": number]), task.with(["max_visits": number])]
                + fields.map { task.with(["retry": .object($0, number)]) }
        }
        try expectNoProcessEnds(tasks.map { ("/api/flows/validate", .flow([$0])) })
    }

    @Test func argumentsOfQueuedRunsEndNoWorker() throws {
        try grant()
        let before = servers
        let operations = Self.operations.filter { $0.type != "random_string" }
        // As literals, some of them would be refused before the run.
        let steps = operations.enumerated().map { number, operation in
            JSON.task("t\(number)", "calc.\(operation.type)", ["arguments": .string("{{ $.input[\(number)] }}")])
        }
        let input: JSON = ["input": .array(operations.map { .array($0.arguments) })]
        let last = [JSON.task("all", "data.process", .array(Self.numbers)), JSON.task("end_of_all", "pass")]
        let workflow = try caller.keep(.chain(steps + last))
        let run = try caller.post("/api/workflows/\(workflow)/execute", input, headers: [("Prefer", "wait=50")])
        #expect(run.status == 200 && run["status"] == "completed", "\(run.text.prefix(300))")
        #expect(run["steps"].arrayValue?.count == steps.count + 2)
        for wait in ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e39", "-1"] {
            let headers = [("Prefer", "wait=\(wait)")]
            let answer = try caller.post("/api/workflows/\(workflow)/execute", input, headers: headers)
            #expect([200, 202].contains(answer.status), "\(wait): \(answer.text.prefix(300))")
        }
        #expect(servers == before, "a process ended")
    }

    /// Each resumption adds the step's input to the record once more, up to the record's maximum size.
    @Test func resumptionsAreLimitedByTheRecordSize() throws {
        let large = JSON.string(String(repeating: "x", count: 900_000))
        let flow = JSON.chain([.task("a", "pass"), .task("b", "fail")])
        let run = try caller.start(caller.keep(flow), large)
        for _ in 0..<12 {
            try waitForEnd(of: run)
            #expect(try caller.act("resume", run).status == 202)
        }
        try waitForEnd(of: run)
        let ended = try caller.run(run)
        #expect(ended["error"]?["code"] == "run_too_large")
        #expect(ended["steps"]?.arrayValue?.count == 10)
    }
}

extension JSON {
    fileprivate static func object(_ name: String, _ value: JSON) -> JSON {
        .object(JSONObject([.init(name: name, value: value)]))
    }
}
