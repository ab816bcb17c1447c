import Synchronization

/// Flows of stored workflows, read once for many runs: a version never changes, unless the database goes back to an
/// older state.
///
/// It holds at most 64 flows of 64 KB of text; what is larger is read each time. One cache serves all threads.
package final class FlowCache: Sendable {
    private struct Version: Hashable {
        let workflowID: String
        let number: Int
    }

    private static let capacity = 64
    private static let largestWeight = 64 << 10

    private let catalog: TaskCatalog
    private let flows = Mutex<[Version: Flow]>([:])

    package init(catalog: TaskCatalog) { self.catalog = catalog }

    /// The flow of a run; nil when it names what this release does not know.
    func flow(of execution: Execution) -> Flow? {
        let source = execution.source
        guard let workflowID = source.workflowID, let number = source.version else { return read(execution) }
        let version = Version(workflowID: workflowID, number: number)
        if let known = flows.withLock({ $0[version] }), known.definition == execution.flow { return known }
        let flow = read(execution)
        guard let flow, flow.definition.weight <= FlowCache.largestWeight else { return flow }
        flows.withLock { flows in
            if flows.count >= FlowCache.capacity { flows = [:] }
            flows[version] = flow
        }
        return flow
    }

    private func read(_ execution: Execution) -> Flow? {
        var reader = FlowReader(catalog: catalog)
        return reader.read(execution.flow)
    }
}
