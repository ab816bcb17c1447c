import Flows
import JSON

/// Runs a stored workflow and waits for its result.
struct FlowRun: RunStartingTask {
    let type = "flow.run"
    let summary = "Runs one of the user's workflows and returns its result"
    let input = SubFlow.call
    let output = JSONSchema.any.described("The result of the run")

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard let id = context.stored?["execution_id"]?.stringValue else {
            let workflow = try SubFlow.named(in: input, context)
            let runInput = input["input"] ?? [:]
            try workflow.check([runInput], at: { _ in "/input" })
            let run = ChildGroup(workflow, [(0, runInput)])
            if let id = try context.completedRuns(of: [run]).first {
                return .wait(
                    until: .after(.zero), storing: ["execution_id": .string(id)], starting: context.takingOver([id]))
            }
            let started = try context.start([run])
            return .wait(until: .runs(), storing: ["execution_id": .string(started.ids[0])], starting: started)
        }
        guard let child = try RunResult.find(id, on: context.connection), child.status.isEnd else {
            return .wait(until: .runs(), storing: ["execution_id": .string(id)])
        }
        guard child.status == .completed else { throw child.failure }
        return .done(child.output)
    }

    func demands(of input: JSON?) -> [ChildDemand] { [ChildDemand(input, count: 1)] }
}

/// The members of the input that name the workflow of the runs that a step starts.
enum SubFlow {
    static let workflow = JSONSchema.string(minLength: 1, maxLength: WorkflowKey.maximumLength).described(
        "The workflow's id or its key")
    static let version = JSONSchema.integer(1...Int64(Int32.max)).described(
        "The version to run. Default: the one that is current when the run of this step starts")
    static let concurrency = JSONSchema.integer(1...100).described("Maximum number of concurrent runs. Default: 10")
    static let defaultConcurrency: Int64 = 10
    /// One run.
    static let call = JSONSchema.object(
        required: ["workflow": workflow],
        optional: ["input": JSONSchema.any.described("The input of the run. Default: {}"), "version": version])

    /// The user's workflow that the input names.
    static func named(in input: JSON, _ context: TaskContext) throws -> StoredFlow {
        let version = input["version"]?.integerValue.map { Int($0) }
        let text = input["workflow"]?.stringValue ?? ""
        guard let found = try context.workflow(text, version: version) else { throw TaskFailure.workflowNotFound }
        return found
    }
}

extension RunResult {
    /// Why a step fails if its run did not complete.
    fileprivate var failure: TaskFailure {
        TaskFailure(code: "flow_\(status.rawValue)", message: error?.message ?? "The workflow did not complete")
    }
}
