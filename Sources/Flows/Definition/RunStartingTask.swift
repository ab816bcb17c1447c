package import JSON

/// A task type with steps that start runs of stored workflows.
package protocol RunStartingTask: WaitingTask {
    /// The runs that one attempt of a step starts at most, as far as this is known before the step runs.
    ///
    /// - Parameter input: what the flow defines; nil if the step gets the output of another one.
    func demands(of input: JSON?) -> [ChildDemand]
}

/// Runs of one workflow that a step starts.
package struct ChildDemand: Sendable, Equatable {
    /// The id or the key of the workflow; nil: known only when the step runs.
    package let workflow: String?
    /// Nil: the version that is current when the run of the step starts.
    package let version: Int?
    /// The maximum number of runs.
    package let count: Int

    /// Runs of which nothing is known before the step runs.
    package static let unknown = ChildDemand(workflow: nil, version: nil, count: 0)

    package init(workflow: String?, version: Int?, count: Int) {
        self.workflow = workflow
        self.version = version
        self.count = count
    }

    /// - Parameter call: an object with the members `workflow` and, optionally, `version`.
    package init(_ call: JSON?, count: Int) {
        let version = call?["version"]
        guard let workflow = call?["workflow"]?.stringValue, !workflow.utf8.contains("{{".utf8),
            version == nil || version?.integerValue != nil
        else {
            self = .unknown
            return
        }
        self.init(workflow: workflow, version: version?.integerValue.map { Int($0) }, count: count)
    }
}

extension Flow {
    /// Whether its steps can start runs.
    var startsRuns: Bool { tasks.contains { $0.task.effect == .waiting && $0.task is any RunStartingTask } }
}
