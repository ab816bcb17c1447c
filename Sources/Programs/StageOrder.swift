import JSON
import System

/// What a worker asks of the stage: which program to start, and with which limits. The stage reads it as JSON.
struct StageOrder {
    let folder: String
    let program: String
    let arguments: [String]
    /// Added to that of every program.
    let environment: [String: String]
    /// In milliseconds.
    let timeout: Int
    let memory: Int?
    let user: UserAccount?
    let hasNetwork: Bool

    init(_ request: ProgramRequest, _ policy: ProgramPolicy) {
        folder = policy.folder.path
        program = request.program
        arguments = request.arguments
        environment = request.environment
        timeout = max(1, Int(request.timeout / .milliseconds(1)))
        memory = policy.memory
        user = policy.user
        hasNetwork = policy.hasNetwork
    }

    var json: JSON {
        var object = JSONObject()
        object["folder"] = .string(folder)
        object["program"] = .string(program)
        object["arguments"] = .array(arguments.map { .string($0) })
        object["environment"] = .object(
            JSONObject(environment.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .string($0.value)) }))
        object["timeout"] = JSON(timeout)
        object["memory"] = memory.map { JSON($0) }
        object["user"] = user.map { JSON(Int($0.id)) }
        object["group"] = user.map { JSON(Int($0.group)) }
        object["network"] = .bool(hasNetwork)
        return .object(object)
    }

    init?(_ json: JSON) {
        guard let folder = json["folder"]?.stringValue, let program = json["program"]?.stringValue,
            let arguments = json["arguments"]?.arrayValue, let environment = json["environment"]?.objectValue,
            let timeout = json["timeout"]?.integerValue, let hasNetwork = json["network"]?.boolValue
        else { return nil }
        self.folder = folder
        self.program = program
        self.arguments = arguments.compactMap(\.stringValue)
        self.environment = Dictionary(
            environment.members.compactMap { member in member.value.stringValue.map { (member.name, $0) } }
        ) { first, _ in first }
        self.timeout = Int(timeout)
        self.hasNetwork = hasNetwork
        memory = json["memory"]?.integerValue.map { Int($0) }
        if let user = json["user"]?.integerValue, let group = json["group"]?.integerValue {
            self.user = UserAccount(id: UInt32(truncatingIfNeeded: user), group: UInt32(truncatingIfNeeded: group))
        } else {
            user = nil
        }
    }
}
