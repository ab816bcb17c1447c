import JSON
package import Postgres

/// What a run may cost, at the prices it was accepted at, and how much of that is held for it.
///
/// A run of one commit is charged in it. Any other has its worst case held from its first commit on; each commit settles
/// the steps that it records, the last one releases what is left.
package struct Budget: Sendable {
    /// What the run costs if every task succeeds as often as it may be visited.
    package let worst: Int64
    private(set) var held: Int64
    /// Of the task types of its flow, as far as they cost anything.
    private let prices: [String: Int64]

    package init(for flow: Flow, at prices: PriceList) {
        var known: [String: Int64] = [:]
        var worst: Int64 = 0
        for type in Set(flow.taskTypes) where prices[type] > 0 { known[type] = prices[type] }
        if !known.isEmpty {
            for (type, visits) in zip(flow.taskTypes, flow.mostVisits) {
                worst = worst.addingClamped((known[type] ?? 0).multipliedClamped(by: Int64(visits)))
            }
        }
        self.prices = known
        self.worst = worst
        held = 0
    }

    /// Of a run on record, as the queue has it.
    init(held: Int64, prices: JSON?) {
        worst = held
        self.held = held
        self.prices = Dictionary(
            uniqueKeysWithValues: prices?.objectValue?.members.map { ($0.name, $0.value.integerValue ?? 0) } ?? [])
    }

    func price(of type: String) -> Int64 { prices[type] ?? 0 }

    /// For the queue; nil where the run costs nothing.
    var storedPrices: JSON? {
        guard worst > 0 else { return nil }
        return .object(
            JSONObject(prices.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .integer($0.value)) }))
    }

    /// Holds the worst case of a run that is queued; nothing where it is free.
    mutating func hold(for execution: Execution) -> [SQL] {
        guard worst > 0 else { return [] }
        held = worst
        return [Ledger.hold(worst, of: execution.userID, execution: execution.id)]
    }

    /// What a commit pays that records steps of that cost; `held` is then what is held after it.
    mutating func payment(for cost: Int64, of execution: Execution, isFirst: Bool, isLast: Bool) -> [SQL] {
        guard worst > 0 else { return [] }
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

    /// Whether the user has the worst case of so many runs; to be asked before the first step. The commit that takes it
    /// asks again.
    package func isCovered(by userID: String, times count: Int = 1, on connection: Connection) throws -> Bool {
        guard worst > 0 else { return true }
        let wanted = worst.multipliedClamped(by: Int64(count))
        let balance = try connection.query("SELECT balance FROM credits WHERE user_id = \(userID)").first
        return try balance.map { try $0.decode(Int64.self) >= wanted } ?? false
    }
}

/// The user's credits do not suffice.
package struct InsufficientCredits: Error {}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    fileprivate func multipliedClamped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
