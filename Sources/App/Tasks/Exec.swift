import Flows
import JSON
import Programs

/// Runs a program of the operator, which gets the input as JSON and answers with JSON.
struct Exec: ExternalTask {
    /// What this process can do with programs.
    enum Availability {
        /// `EXEC_DIR` is not set.
        case off
        /// Workers run them.
        case onWorkers
        case here(ProgramRunner)
    }

    let type = "exec"
    let summary = "Runs a program of this installation (EXEC_DIR) in a sandbox and returns what it prints as JSON"
    let input = JSONSchema.object(
        required: [
            "program": JSONSchema.string(minLength: 1, maxLength: 255).described(
                "The name of a program of this installation, without a path and without templates")
        ],
        optional: [
            "arguments": JSONSchema.array(of: .string(maxLength: 1_000), count: 0...50).described(
                "Its arguments, without templates; none begins with `-`. Default: none"),
            "input": JSONSchema.any.described("What it reads from standard input, as JSON. Default: null"),
        ])
    let output = JSONSchema.any.described("The JSON that it has written to standard output")
    let literals = ["program", "arguments"]

    private static let nameRule = "must be a name of letters, digits and . _ + -, which begins with none of the latter"
    private static let inputLimit = 1 << 20
    private static let defaultTimeout = Duration.seconds(30)
    private static let maximumTimeout = Duration.seconds(300)

    private let availability: Availability

    init(_ availability: Availability) { self.availability = availability }

    var unavailableBecause: String? {
        if case .off = availability { "is off in this installation: EXEC_DIR is not set" } else { nil }
    }

    func mistakes(in input: JSON) -> Violations {
        var mistakes = Violations()
        if let program = input["program"], !program.isTemplate, !ProgramRequest.isName(program.stringValue ?? "") {
            mistakes.append(Violation(at: ["program"], Self.nameRule))
        }
        for (index, argument) in (input["arguments"]?.arrayValue ?? []).enumerated() {
            guard argument.stringValue?.hasPrefix("-") == true else { continue }
            mistakes.append(Violation(at: ["arguments", .index(index)], "must not begin with -"))
        }
        return mistakes
    }

    func prepare(_ input: JSON, in context: TaskContext) throws -> ExternalCall {
        let runner: ProgramRunner
        switch availability {
        case .off: throw TaskFailure(code: "exec_off", message: "This installation runs no programs")
        case .onWorkers: throw TaskFailure(code: "cannot_call", message: "Programs cannot be run here")
        case .here(let available): runner = available
        }
        let request = try request(input, in: context)
        try context.refuseGuests("Guests cannot run programs. Create an account first")
        let execution = context.executionID
        return ExternalCall(to: "program \(request.program)") { ended in
            runner.start(request, for: execution) { ended(ProgramAnswer.end(of: $0, request.program)) }
        }
    }

    /// The program that the input describes.
    private func request(_ input: JSON, in context: TaskContext) throws -> ProgramRequest {
        let program = input["program"]?.stringValue ?? ""
        guard ProgramRequest.isName(program) else {
            throw TaskFailure(code: "invalid_input", message: "/program: \(Self.nameRule)")
        }
        let arguments = input["arguments"]?.arrayValue?.compactMap(\.stringValue) ?? []
        if let index = arguments.firstIndex(where: { $0.hasPrefix("-") }) {
            throw TaskFailure(code: "invalid_input", message: "/arguments/\(index): must not begin with -")
        }
        let bytes = (input["input"] ?? .null).serialized()
        guard bytes.count <= Self.inputLimit else {
            throw TaskFailure(code: "invalid_input", message: "/input: is longer than a mebibyte")
        }
        let rest = context.deadline.map { $0 - .now } ?? Self.defaultTimeout
        return ProgramRequest(
            program, arguments: arguments, input: bytes, environment: environment(context),
            timeout: min(rest, Self.maximumTimeout))
    }

    private func environment(_ context: TaskContext) -> [String: String] {
        var environment = ["IDEMPOTENCY_KEY": context.idempotencyKey]
        environment["TRACEPARENT"] = context.trace
        return environment
    }
}
