import JSON
import Synchronization

/// Reads flows, and keeps them: clients often send the same flow again, and each run of a workflow has the flow of its
/// version. A flow that is equal has the same text, so it makes no difference who sent it.
///
/// It holds at most 64 flows of at most 64 KB of text each, and is cleared when there are more; larger ones are read
/// each time. All threads share one cache.
final class FlowCache: Sendable {
    /// A valid flow, and what is wrong or unusual about it.
    typealias Reading = (flow: Flow, mistakes: Violations, warnings: Violations)

    private static let capacity = 64
    private static let largestWeight = 64 << 10

    private let catalog: TaskCatalog
    /// By the hash value of the definition.
    private let readings = Mutex<[Int: Reading]>([:])

    init(catalog: TaskCatalog) { self.catalog = catalog }

    /// Reads and checks a flow, which may be any JSON value.
    ///
    /// - Parameter passesErrors: false for flows that were stored by earlier releases.
    /// - Throws: `LaunchRefusal.invalid`, also with the mistakes.
    func read(_ definition: JSON, passesErrors: Bool = true) throws -> Reading {
        let hash = definition.hashValue
        if let known = readings.withLock({ $0[hash] }), known.flow.passesErrors == passesErrors,
            known.flow.definition == definition
        {
            return known
        }
        var reader = FlowReader(catalog: catalog)
        guard let flow = reader.read(definition, passesErrors: passesErrors) else {
            throw LaunchRefusal.invalid(reader.problemsOfNewFlow)
        }
        let reading = (flow, reader.mistakes, reader.warnings)
        if definition.weight <= FlowCache.largestWeight { keep(reading, hash) }
        return reading
    }

    /// A full cache is cleared, and its flows are released after the lock.
    private func keep(_ reading: Reading, _ hash: Int) {
        var former: [Int: Reading] = [:]
        readings.withLock { readings in
            if readings.count >= FlowCache.capacity { swap(&former, &readings) }
            readings[hash] = reading
        }
    }
}
