import Flows
import JSON
import Postgres
import System
import TestSupport
import Testing

@Suite struct ExecutionTests {
    private let fixture: RunnerFixture

    init() throws { fixture = try RunnerFixture() }

    private func find(_ id: String = RunnerFixture.executionID, of userID: String = RunnerFixture.userID) throws
        -> RecordedExecution<JSON>?
    {
        try Execution.find(id, of: userID, on: fixture.connection)
    }

    /// A value that contains everything that storage might change.
    private static let input: JSON = [
        "z": 1,
        "a": [
            .integer(.min), .unsigned(.max), 9_007_199_254_740_993, 0.1, -0.0, 1e300, .number(.leastNonzeroMagnitude),
        ], "null": nil,
        "text": "\u{1}\"\\/é😀\u{2028}", "": [:], "empty": [], "e\u{301}": true,
    ]

    @Test func readsAnExecutionAsItWasStored() throws {
        let flow = FlowText.chain(["pass", "keep", "pass", "sum", "fail"])
            .replacing(["description"], with: "What it does")
            .replacing(["tasks", "2", "input"], with: ["numbers": [1, 2]])
            .replacing(["conditions", "3", "target_task_failure"], with: "t5")
        let stored = try fixture.run(flow, input: Self.input)
        let recorded = try #require(try find())
        let read = recorded.execution
        #expect(read.id == stored.id)
        #expect(read.userID == stored.userID)
        #expect(read.flow.serialized() == flow.serialized())
        #expect(read.input.serialized() == Self.input.serialized())
        #expect(read.status == .failed)
        #expect(read.status == stored.status)
        #expect(read.stoppedAt == "t5")
        #expect(read.steps.map(Self.fields) == stored.steps.map(Self.fields))
        #expect(read.stepInputs == stored.stepInputs)
        // The run and the database measure the end separately.
        #expect(abs(read.duration.milliseconds - stored.duration.milliseconds) < 1_000)
        let finishedAt = try #require(recorded.finishedAt)
        #expect(recorded.createdAt <= finishedAt)
        #expect(recorded.createdAt.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil)
    }

    /// All fields of a step, with its times in microseconds as stored.
    private static func fields(_ step: Step) -> [String] {
        [
            "\(step.number)", step.task, step.type, step.status.rawValue, "\(step.attempt)", step.output.text,
            step.failure?.json.text ?? "-", step.condition ?? "-", step.next ?? "-", "\(step.started.microseconds)",
            "\(step.duration.microseconds)",
        ]
    }

    @Test func stepsRecordTheConditionAndTheNextTask() throws {
        let stored = try fixture.run(FlowText.chain(["pass", "fail", "pass"]))
        #expect(stored.steps.map(\.condition) == ["after_t1", "after_t2"])
        #expect(stored.steps.map(\.next) == ["t2", "end"])
        let last = try fixture.run(FlowText.chain(["pass"]), id: "00000000-0000-7000-8000-0000000000ef")
        #expect(last.steps.map(\.condition) == [nil])
        #expect(last.steps.map(\.next) == [nil])
    }

    @Test func stepsDoNotOverlapInTime() throws {
        let stored = try fixture.run(FlowText.chain(Array(repeating: "pass", count: 20)))
        for (step, next) in zip(stored.steps, stored.steps.dropFirst()) {
            #expect(step.started + step.duration <= next.started)
        }
        #expect(try #require(stored.steps.last).started <= stored.duration)
    }

    @Test func theInputOfAStepIsItsOwnOrThePreviousOutput() throws {
        let flow = FlowText.chain(["pass", "fail", "pass", "sum"])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
            .replacing(["tasks", "3", "input"], with: ["numbers": []])
        let stored = try fixture.run(flow, input: ["x": 1])
        let left: JSON = ["error": ["code": "failed", "message": "on purpose"], "input": ["x": 1]]
        #expect(stored.stepInputs == [["x": 1], ["x": 1], left, ["numbers": []]])
    }

    @Test func anExecutionIsFoundOnlyByItsUser() throws {
        try fixture.run(FlowText.chain(["pass"]))
        #expect(try find() != nil)
        #expect(try find(of: "00000000-0000-7000-8000-000000000002") == nil)
        #expect(try find("00000000-0000-7000-8000-0000000000ef") == nil)
    }

    @Test func aRunningExecutionIsFound() throws {
        #expect(throws: PostgresError.self) { try fixture.run(FlowText.chain(["keep", "keep", "cut"])) }
        let recorded = try #require(try find())
        #expect(recorded.execution.status == .running)
        #expect(recorded.execution.steps.map(\.task) == ["t1"])
        #expect(recorded.finishedAt == nil)
        #expect(recorded.execution.duration == .zero)
    }
}
