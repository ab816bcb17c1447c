import Crypto
import Flows
import Glibc
import HTTPClient
import JSON
import Postgres
import Programs
import System
import TestSupport
import Testing

@testable import App

/// Runs with the task `exec`, executed as a worker does.
@Suite(.timeLimit(.minutes(1))) struct ExecTests {
    private static let userID = "00000000-0000-7000-8000-000000000001"

    private let database: TestDatabase
    private let connection: Connection
    private let programs: TemporaryPrograms
    private let engine: Engine
    private let events = Recording<ProgramEvent>()

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try database.connect().execute(
            "INSERT INTO users (id, username, password_hash) VALUES (\(Self.userID), 'tester', '-')")
        programs = try TemporaryPrograms()
        engine = try Self.engine(programs, events)
    }

    private static func engine(_ programs: TemporaryPrograms, _ events: Recording<ProgramEvent>) throws -> Engine {
        let driver = try HTTPDriver()
        let policy = try ProgramPolicy(folder: programs.path, user: nil, memory: nil, hasNetwork: false)
        let runner = try ProgramRunner(
            policy, executable: Stack.executable, watch: { driver.whenReadable($0, $1) }, observe: events.add)
        return Engine(catalog: Tasks.makeCatalog(calling: driver, running: runner), calls: ExternalCalls())
    }

    private func enqueue(_ flow: JSON, input: JSON = [:]) throws -> String {
        let id = UUIDv7.make()
        try engine.enqueue(
            Execution(
                id: id, userID: Self.userID, flow: flow, input: input,
                starter: Starter(userID: Self.userID, keyID: nil, trace: nil)),
            try engine.plan(flow, for: Self.userID, on: connection), on: connection)
        return id
    }

    /// Enqueues a run with one step that runs the program `program`.
    private func enqueue(_ program: String, _ arguments: JSON = [], given input: JSON = .null) throws -> String {
        try programs.write("program", program)
        let task = JSON.task("a", "exec", ["program": "program", "arguments": arguments, "input": input])
        return try enqueue(JSON.flow([task])["flow"] ?? .null)
    }

    /// Executes the due run until its call is prepared; nil if it ends without one.
    private func park(_ engine: Engine) throws -> ParkedRun? {
        let claim = try #require(try engine.claim(on: connection))
        guard case .calls(let run) = try engine.execute(claim, on: connection, Cancellation()) else { return nil }
        return run
    }

    /// Makes the calls of the run until it ends.
    private func call(_ run: ParkedRun, _ engine: Engine) throws {
        var run = run
        while true {
            let ready = try WakeUp()
            engine.begin(run, Cancellation()) { ready.signal() }
            ready.wait(until: .now + .seconds(20))
            guard case .calls(let next) = try engine.resume(run, on: connection, Cancellation()) else { return }
            run = next
        }
    }

    private func run(_ id: String) throws -> Execution {
        if let parked = try park(engine) { try call(parked, engine) }
        return try find(id)
    }

    private func find(_ id: String) throws -> Execution {
        try #require(try Execution.find(id, of: Self.userID, on: connection)).execution
    }

    @Test func theOutputIsTheJSONThatTheProgramWrites() throws {
        let id = try enqueue(
            "#!/bin/sh\nprintf '[\"%s\",\"%s\",' \"$*\" $IDEMPOTENCY_KEY; cat; echo ']'; echo 'to the log' >&2\n",
            [#"\{{"#, "b c"], given: ["x": 1])
        let execution = try run(id)
        #expect(execution.status == .completed)
        #expect(execution.steps.map(\.output) == [["{{ b c", .string("\(id)-1"), ["x": 1]]])
        #expect(events.all == [.wroteErrors(program: "program", executionID: id, "to the log\n")])
    }

    @Test(
        arguments: [
            ("echo 1; exit 4", "exec_failed", ["status": 4]), ("kill -6 $$", "exec_failed", ["signal": 6]),
            ("echo '{'", "exec_invalid_output", nil), (":", "exec_invalid_output", nil),
            (#"echo '"\u0000"'"#, "exec_invalid_output", nil), ("echo 1 2", "exec_invalid_output", nil),
            ("exec yes", "exec_output_too_large", nil),
        ] as [(String, String, JSON?)])
    func otherEndsAreFailures(script: String, code: String, details: JSON?) throws {
        let execution = try run(enqueue("#!/bin/sh\n\(script)\n"))
        #expect(execution.status == .failed)
        #expect(execution.steps.last?.failure?.code == code && execution.steps.last?.failure?.details == details)
    }

    @Test func theTimeoutIsThatOfTheTask() throws {
        try programs.write("program", "#!/bin/sh\nexec sleep 1000\n")
        let flow: JSON = [
            "id": "f", "name": "f", "start_task": "a",
            "tasks": [["name": "a", "type": "exec", "timeout": 0.5, "input": ["program": "program"]]], "conditions": [],
        ]
        #expect(try run(enqueue(flow)).steps.last?.failure?.code == "timeout")
    }

    @Test func invalidInputsAreRefusedWithoutAStart() throws {
        for (input, code) in [
            (["program": "../program"], "invalid_input"), (["program": "missing"], "program_refused"),
            (["program": "program", "arguments": ["a", "-rf"]], "invalid_input"),
            (["program": "program", "arguments": ["--help"]], "invalid_input"),
        ] as [(JSON, String)] {
            try programs.write("program", "#!/bin/sh\necho 1\n")
            let execution = try run(enqueue(JSON.flow([.task("a", "exec", input)])["flow"] ?? .null))
            #expect(execution.steps.map(\.failure?.code) == [code])
        }
    }

    /// A worker dies while the program runs: the next one repeats the step with the same key.
    @Test func aRepeatedStepHasTheSameKey() throws {
        let id = try enqueue("#!/bin/sh\necho \"\\\"$IDEMPOTENCY_KEY\\\"\"\n")
        let lost = try #require(try park(engine))
        let ready = try WakeUp()
        engine.begin(lost, Cancellation()) { ready.signal() }
        ready.wait(until: .now + .seconds(20))
        try database.connect().execute("UPDATE queue SET lease_until = clock_timestamp() - interval '1 second'")
        let next = try Self.engine(programs, events)
        #expect(try next.rescue(on: connection) == 1)
        try call(try #require(try park(next)), next)
        let execution = try find(id)
        #expect(execution.status == .completed && execution.steps[0].attempt == 2)
        #expect(execution.steps.map(\.output) == [.string("\(id)-1")])
    }

    @Test func cancelEndsTheProgram() throws {
        let word = String(UInt64.random(in: 1 << 40...1 << 50))
        let id = try enqueue("#!/bin/sh\nexec sleep \(word)\n")
        let (run, cancellation, ready) = (try #require(try park(engine)), Cancellation(), try WakeUp())
        engine.begin(run, cancellation) { ready.signal() }
        try wait { isRunning(word) }
        #expect(try engine.cancel(find(id), on: connection))
        cancellation.request()
        engine.abandon(run, ifWaiting: false)
        ready.wait(until: .now + .seconds(20))
        #expect(!isRunning(word))
        guard case .lost = try engine.resume(run, on: connection, cancellation) else {
            throw TestFailure("a canceled run was continued")
        }
    }

    private func isRunning(_ word: String) -> Bool {
        ProcessTable.ids.contains { id in
            let arguments = (try? Files.read("/proc/\(id)/cmdline"))?.split(separator: 0) ?? []
            return arguments.contains { $0.elementsEqual(word.utf8) }
        }
    }

    private func wait(until condition: () -> Bool) throws {
        let deadline = Monotonic.now + .seconds(20)
        while !condition() {
            guard deadline > .now else { throw TestFailure("the program was not started") }
            poll(nil, 0, 10)
        }
    }

    @Test func guestsRunNoPrograms() throws {
        try database.connect().execute("UPDATE users SET role = 'guest' WHERE id = \(Self.userID)")
        #expect(try run(enqueue("#!/bin/sh\necho 1\n")).steps.last?.failure?.code == "not_for_guests")
    }

    /// The programs, the flow and the result of `docs/tasks.md`.
    @Test func theExamplesOfTheDocumentationRun() throws {
        let text = try sourceText("docs/tasks.md")
        let blocks = text.matches(of: #/(?s)`EXEC_DIR/([a-z]+)`[^`]*```(?:python|sh)\n(.*?)```/#)
        #expect(blocks.map { String($0.1) } == ["summary", "fingerprint"])
        for block in blocks { try programs.write(String(block.1), String(block.2)) }
        let values = try text.matches(of: #/(?s)```json\n(.*?)```/#).map { try JSON(parsing: Array($0.1.utf8)) }
        let execution = try run(enqueue(try #require(values.first)))
        #expect(execution.status == .completed, "\(execution.steps)")
        #expect(execution.steps.last?.output == values.last)
    }
}
