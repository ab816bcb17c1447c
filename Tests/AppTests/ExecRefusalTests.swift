import Flows
import JSON
import TestSupport
import Testing

@testable import App

/// Flows with the task `exec` that are refused before their first step.
@Suite struct ExecRefusalTests {
    private func problems(_ tasks: [JSON], _ conditions: [JSON] = []) -> [String] {
        var reader = FlowReader(catalog: Tasks.makeCatalog(hasPrograms: true))
        _ = reader.read(JSON.flow(tasks, conditions)["flow"] ?? .null)
        return reader.problems.map { "\($0.pointer) \($0.message)" }
    }

    /// What is executed is part of the flow, and no value of a run.
    @Test func programAndArgumentsAreLiteral() {
        let literal = "must be literal, without templates"
        #expect(
            problems([.task("a", "exec", ["program": "{{ $.input.x }}"])]) == ["/flow/tasks/0/input/program \(literal)"]
        )
        #expect(
            problems([.task("a", "exec", ["program": "p", "arguments": ["a", "b {{ $.input.x }}"]])])
                == ["/flow/tasks/0/input/arguments/1 \(literal)"])
        #expect(
            problems([.task("a", "exec", ["program": "p", "arguments": "{{ $.input.x }}"])])
                == ["/flow/tasks/0/input/arguments \(literal)"])
        #expect(problems([.task("a", "exec", "{{ $.input }}")]) == ["/flow/tasks/0/input \(literal)"])
        // Without an input, it would get the output of the task before it.
        #expect(
            problems([.task("a", "pass"), .task("b", "exec")], [.condition("a", "b", "end")])
                == ["/flow/tasks/1 needs an 'input', with a literal 'program'"])
        #expect(
            problems([.task("a", "exec", ["program": "p", "arguments": [#"\{{ x"#], "input": ["{{ $.input }}"]])]) == []
        )
    }

    @Test func withoutAFolderTheTaskIsOff() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let flow = JSON.flow([.task("a", "pass"), .task("b", "exec", ["program": "p"])], [.condition("a", "b", "end")])
        for path in ["/flow-manager", "/api/flows/validate"] {
            let answer = try application.post(path, flow, token: user.token)
            expectProblem(answer, 422, "validation_failed", path)
            #expect(
                answer["errors"]
                    == [
                        [
                            "pointer": "/flow/tasks/1",
                            "message": "the task type 'exec' is off in this installation: EXEC_DIR is not set",
                        ]
                    ])
        }
    }
}
