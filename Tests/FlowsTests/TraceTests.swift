import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// The trace of the call that started a run, as its tasks see it.
@Suite struct TraceTests {
    private let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func tasksOfARunAndOfItsChildrenGetTheTrace() throws {
        let seen = Recording<String?>()
        var fixture = try EngineFixture()
        fixture.engine = EngineFixture.engine([
            TestTask("look") { input, context in
                seen.add(context.trace)
                return input
            }
        ])
        let child = try fixture.store(["look"])
        let starter = Starter(userID: nil, keyID: nil, trace: trace)
        let definition = FlowText.chain(["look", "start", "look"]).replacing(
            ["tasks", "1", "input"], with: ["workflow": .string(child.source.workflowID ?? "")])
        for execution in [
            Execution(
                id: UUIDv7.make(), userID: RunnerFixture.userID, flow: definition, input: [:], starter: starter),
            Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: definition, input: [:]),
        ] {
            try fixture.engine.enqueue(execution, try fixture.plan(execution), on: fixture.connection)
            try fixture.work()
            #expect(try fixture.find(execution).status == .completed)
        }
        // Of each run: its first step, the child's, and its last one.
        #expect(seen.all == [trace, trace, trace, nil, nil, nil])
    }
}
