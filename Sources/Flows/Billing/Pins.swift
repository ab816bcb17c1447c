import JSON
import Postgres

/// What a run that starts other runs has fixed at its start, stored with it: the versions of their workflows, and the
/// credits that it holds for one run of each. The runs that it starts have the same versions.
struct Pins: Sendable {
    /// By the text with which flows name a workflow: its id and the number of the version.
    private var versions = JSONObject()
    /// By the name of each task: the credits for one run of each of its demands; null if none are held.
    private var held = JSONObject()

    init() {}

    private init(_ json: JSON) {
        versions = json["versions"]?.objectValue ?? JSONObject()
        held = json["held"]?.objectValue ?? JSONObject()
    }

    /// Those of a stored run; empty if it has none.
    static func find(of executionID: String, on connection: Connection) throws -> Pins {
        let row = try connection.query("SELECT pins FROM executions WHERE id = \(executionID)").first
        return try row?.decode(JSON?.self).map(Pins.init) ?? Pins()
    }

    var json: JSON { ["versions": .object(versions), "held": .object(held)] }

    /// What a run has from the one that starts it.
    var inherited: Pins {
        var pins = self
        pins.held = JSONObject()
        return pins
    }

    /// The version of the workflow that a text names; nil if none is fixed.
    func version(of text: String) -> (id: String, number: Int)? {
        guard let pair = versions[text]?.arrayValue, pair.count == 2, let id = pair[0].stringValue,
            let number = pair[1].integerValue
        else { return nil }
        return (id, Int(number))
    }

    mutating func fix(_ text: String, to stored: StoredFlow) {
        versions[text] = [.string(stored.workflowID), JSON(stored.version)]
    }

    /// The credits that are held for one run of a task's demand; nil if none are, because it was not known in advance.
    func held(for task: String, demand: Int) -> Int64? {
        guard let demands = held[task]?.arrayValue, demands.indices.contains(demand) else { return nil }
        return demands[demand].integerValue
    }

    mutating func hold(_ demands: [Int64?], for task: String) { held[task] = .array(demands.map { JSON($0) }) }
}
