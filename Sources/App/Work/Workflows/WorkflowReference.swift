import Flows
import HTTP
import JSON
import Postgres
import System

extension Parameter {
    /// The workflow that a path names.
    static let workflow = Parameter("id", Workflow.keyText, "The id of the workflow, or the key of one of your own")
}

extension Context {
    /// The id of the workflow that the path names: by its id, or by its key among the caller's own workflows, also for
    /// an admin. Throws 404 for any other text.
    func workflowID() throws -> String {
        guard let id = try WorkflowKey.resolve(path("id"), of: user.id, on: connection) else { throw Problem.notFound }
        return id
    }
}

extension PagedList.Filter {
    /// The id or the key of a workflow; the list's source has the condition.
    static func workflowOfSource(_ name: StaticString) -> PagedList.Filter {
        reference(name, Workflow.keyText) { $0.isUUID || WorkflowKey.mistake(in: $0) == nil }
    }
}
