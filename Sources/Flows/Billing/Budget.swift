import JSON
import Postgres

/// The maximum cost of a run, at the prices of its acceptance, and the credits that are held for it.
///
/// A run with a single commit is charged in that commit. For any other run the maximum cost is held from its first
/// commit on; each commit settles the steps that it records, and the last one releases the rest. A run that continues
/// from stored steps, after a resume or in a fork, holds the maximum cost of the steps that follow them.
///
/// It holds the cost of the runs that its steps start too, as far as that is known when it starts. When such a run
/// starts, that part of what is held becomes what the new run holds.
struct Budget: Sendable {
    /// The cost of the run if every task succeeds on the maximum number of visits; for a run that continues, of its
    /// rest.
    let maximumCost: Int64
    private(set) var held: Int64
    /// The prices of the task types that are not free, of the flow and of those of the runs that it starts.
    private let prices: [String: Int64]
    /// What the runs cost at most that one visit to each task starts, in the order of the tasks; empty: nothing.
    private let children: [Int64]
    /// What a new run fixes at its start; nil if it starts no runs, and for a stored run.
    let pins: JSON?
    /// The part of the maximum cost that the run which starts this one holds for it.
    private(set) var covered: Int64 = 0

    /// - Parameters:
    ///   - children: what the runs cost at most that one visit to each task starts; empty: nothing.
    ///   - types: the task types of these runs.
    init(
        for flow: Flow, at prices: PriceList, children: [Int64] = [], types: Set<String> = [], pins: JSON? = nil
    ) {
        var known: [String: Int64] = [:]
        for type in types.union(flow.taskTypes.joined()) where prices[type] > 0 { known[type] = prices[type] }
        self.init(prices: known, children, pins, of: flow, visits: known.isEmpty ? [] : flow.maximumVisits)
    }

    private init(prices: [String: Int64], _ children: [Int64], _ pins: JSON?, of flow: Flow, visits: [Int]) {
        var maximumCost: Int64 = 0
        for (index, (types, visits)) in zip(flow.taskTypes, visits).enumerated() {
            let own = types.reduce(Int64(0)) { $0.addingClamped(prices[$1] ?? 0) }
            let cost = own.addingClamped(children.isEmpty ? 0 : children[index])
            maximumCost = maximumCost.addingClamped(cost.multipliedClamped(by: Int64(visits)))
        }
        self.prices = prices
        self.children = children
        self.pins = pins
        self.maximumCost = maximumCost
        held = 0
    }

    /// The budget, at the same prices, of a run of `flow` that continues after `steps`, all of which have ended.
    func remaining(of flow: Flow, after steps: [Step]) -> Budget {
        guard maximumCost > 0 else { return self }
        var state = RunState(flow, input: .null)
        for step in steps { state.replay(step) }
        return Budget(prices: prices, children, pins, of: flow, visits: state.remainingVisits)
    }

    /// The budget of a stored run, from its row in the queue.
    init(held: Int64, prices: JSON?) {
        children = []
        pins = nil
        maximumCost = held
        self.held = held
        self.prices = Dictionary(
            uniqueKeysWithValues: prices?.objectValue?.members.map { ($0.name, $0.value.integerValue ?? 0) } ?? [])
    }

    /// The prices at which the run was accepted; types that are free, and those of unknown runs, are not in it.
    var priceList: PriceList { PriceList(prices.mapValues { Price(cost: $0, isActive: true) }) }

    /// Marks a part of the maximum cost as held by the run that starts this one.
    mutating func cover(_ credits: Int64) { covered = min(maximumCost, credits) }

    /// Leaves credits to runs that start, which hold them from the same commit on.
    mutating func transfer(_ credits: Int64) { held -= credits }

    /// The price of a step that runs these types.
    func price(of types: [String]) -> Int64 { types.reduce(0) { $0.addingClamped(prices[$1] ?? 0) } }

    /// The prices for the row in the queue; nil if the run is free.
    var storedPrices: JSON? {
        guard maximumCost > 0 else { return nil }
        return .object(
            JSONObject(prices.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .integer($0.value)) }))
    }

    /// Holds the maximum cost of a run that is queued; returns no statements if the run is free.
    mutating func hold(for execution: Execution) -> [SQL] {
        guard maximumCost > 0 else { return [] }
        held = maximumCost
        guard maximumCost > covered else { return [] }
        return [Ledger.hold(maximumCost - covered, of: execution.userID, execution: execution.id)]
    }

    /// Returns the statements that pay for a commit which records steps of that cost, and updates `held`.
    mutating func payment(for cost: Int64, of execution: Execution, isFirst: Bool, isLast: Bool) -> [SQL] {
        guard maximumCost > 0 else { return [] }
        if isFirst, isLast {
            return cost > 0 ? [Ledger.charge(cost, of: execution.userID, execution: execution.id)] : []
        }
        var statements = isFirst ? hold(for: execution) : []
        if cost > 0 { statements.append(Ledger.settle(cost, of: execution.userID, execution: execution.id)) }
        held -= cost
        if isLast, held > 0 {
            statements.append(Ledger.release(held, of: execution.userID, execution: execution.id))
            held = 0
        }
        return statements
    }

    /// Whether the user's balance covers the maximum cost of a run. Checked before the first step; the commit that
    /// takes the credits checks again.
    func isCovered(by userID: String, on connection: Connection) throws -> Bool {
        try Budget.isCovered([(maximumCost, 1)], by: userID, on: connection)
    }

    /// The same for several runs of each of these costs.
    static func isCovered(
        _ costs: [(cost: Int64, count: Int)], by userID: String, on connection: Connection
    ) throws -> Bool {
        let required = costs.reduce(Int64(0)) { $0.addingClamped($1.cost.multipliedClamped(by: Int64($1.count))) }
        guard required > 0 else { return true }
        let balance = try connection.query("SELECT balance FROM credits WHERE user_id = \(userID)").first
        return try balance.map { try $0.decode(Int64.self) >= required } ?? false
    }
}

/// The user's credits do not suffice.
struct InsufficientCredits: Error {}

extension Int64 {
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func multipliedClamped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
