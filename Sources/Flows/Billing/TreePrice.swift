import JSON
import Postgres

/// Prices a flow with the runs that its steps start, directly and indirectly, and fixes the versions of these.
///
/// What is not known in advance is left out of the price, and named by `unboundedBecause`: the credits for it are held
/// when its run starts.
struct TreePrice {
    /// More workflows, and more bytes of flows, are not priced in advance: they would be read by each call that starts
    /// a run.
    private static let (maximumWorkflows, maximumWeight) = (50, 4 << 20)

    private let prices: PriceList
    private let flows: FlowCache
    private let userID: String
    private let connection: Connection
    private(set) var pins: Pins
    /// The task types of all flows.
    private(set) var types: Set<String> = []
    /// The first reason why the cost has no known maximum; nil if it has one.
    private(set) var unboundedBecause: String?
    /// The cost of one run of each version, by its id and number.
    private var known: [String: Int64] = [:]
    /// The workflows of the flows that are being priced, from the first child on.
    private var path: [String] = []
    private var weight = 0

    /// - Parameters:
    ///   - userID: the owner of the runs.
    ///   - pins: versions that are fixed already.
    init(
        at prices: PriceList, _ flows: FlowCache, of userID: String, _ pins: Pins, on connection: Connection
    ) {
        self.prices = prices
        self.flows = flows
        self.userID = userID
        self.pins = pins
        self.connection = connection
    }

    /// The cost of the runs that one visit to each task starts at most, in the order of the tasks.
    mutating func childCosts(of flow: Flow) throws -> [Int64] { try childCosts(of: flow, workflow: nil) }

    /// - Parameter workflow: the text that names the flow's workflow; nil for the flow of the run itself.
    private mutating func childCosts(of flow: Flow, workflow: String?) throws -> [Int64] {
        types.formUnion(flow.taskTypes.joined())
        guard flow.startsRuns else { return [] }
        let visits = flow.maximumVisits
        var costs: [Int64] = []
        for (definition, visits) in zip(flow.tasks, visits) {
            guard visits > 0, let task = definition.task as? any RunStartingTask else {
                costs.append(0)
                continue
            }
            let place = Place(task: definition.name, workflow: workflow)
            var (each, total): ([Int64?], Int64) = ([], 0)
            for demand in task.demands(of: definition.input?.definition) {
                let cost = try cost(of: demand, at: place)
                each.append(cost)
                let runs = Int64(demand.count).multipliedClamped(by: Int64(definition.retry.attempts))
                total = total.addingClamped((cost ?? 0).multipliedClamped(by: runs))
            }
            if workflow == nil { pins.hold(each, for: definition.name) }
            costs.append(total)
        }
        return costs
    }

    /// The cost of one run; nil if it is not known.
    private mutating func cost(of demand: ChildDemand, at place: Place) throws -> Int64? {
        guard let text = demand.workflow else { return leaveOpen(place, "names its workflow only when it runs") }
        guard path.count < Engine.maxDepth else { return 0 }
        guard let stored = try find(text, demand.version) else {
            return leaveOpen(place, "names a workflow that does not exist")
        }
        guard !path.contains(stored.workflowID) else {
            return leaveOpen(place, "runs a workflow that leads to it again")
        }
        let key = "\(stored.workflowID) \(stored.version)"
        if let cost = known[key] { return cost }
        weight += stored.flow.weight
        guard known.count < Self.maximumWorkflows, weight <= Self.maximumWeight else {
            return leaveOpen(place, "runs one workflow too many to be priced in advance")
        }
        guard let flow = try? flows.read(stored.flow, passesErrors: stored.passesErrors).flow else {
            return leaveOpen(place, "runs a workflow that is not valid any more")
        }
        path.append(stored.workflowID)
        defer { path.removeLast() }
        let children = try childCosts(of: flow, workflow: text)
        let cost = Budget(for: flow, at: prices, children: children).maximumCost
        known[key] = cost
        return cost
    }

    private mutating func find(_ text: String, _ version: Int?) throws -> StoredFlow? {
        if version == nil, let (id, number) = pins.version(of: text) {
            return try StoredFlow.find(id, of: userID, version: number, on: connection)
        }
        let stored = try StoredFlow.find(text, of: userID, version: version, on: connection)
        if version == nil, let stored { pins.fix(text, to: stored) }
        return stored
    }

    /// A task of one of the flows.
    private struct Place {
        let task: String
        let workflow: String?
    }

    /// Notes why the cost has no known maximum.
    private mutating func leaveOpen(_ place: Place, _ reason: String) -> Int64? {
        let workflow = place.workflow.map { " of the workflow '\($0)'" } ?? ""
        if unboundedBecause == nil { unboundedBecause = "The task '\(place.task)'\(workflow) \(reason)" }
        return nil
    }
}
