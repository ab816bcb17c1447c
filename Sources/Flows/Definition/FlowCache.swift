import Synchronization

/// A cache of parsed flows of stored workflows. A version never changes unless the database is restored to an older
/// state, so a cached flow is used only if its definition equals the one of the run.
///
/// It holds at most 64 flows of at most 64 KB of text each; larger ones are parsed each time. All threads share one
/// cache.
final class FlowCache: Sendable {
    private struct Version: Hashable {
        let workflowID: String
        let number: Int
    }

    private static let capacity = 64
    private static let largestWeight = 64 << 10

    private let catalog: TaskCatalog
    private let flows = Mutex<[Version: Flow]>([:])

    init(catalog: TaskCatalog) { self.catalog = catalog }

    /// The flow of a run; nil if this release cannot read it, for instance because a task type no longer exists.
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
