import HTTP
import HTTPClient
import JSON

/// A credential as a caller sends it, completely validated.
struct CredentialDraft {
    let name: String
    let kind: Credential.Kind
    let header: String?
    let hosts: [HostPattern]
    /// Nil: the present one is kept.
    let value: String?

    /// A new credential.
    static let schema = JSONSchema.object(
        required: ["name": Credential.name, "value": Credential.value, "hosts": Credential.hosts],
        optional: ["kind": kind, "header": Credential.header]
    ).named("CredentialDraft")

    /// A credential that replaces another.
    static let replacement = ResourceChange(
        JSONSchema.object(
            required: ["name": Credential.name, "hosts": Credential.hosts],
            optional: [
                "kind": kind, "header": Credential.header,
                "value": Credential.value.described(
                    "The new secret. Default: the present one, which then cannot get another kind or further hosts"),
            ]
        ).named("CredentialReplacement"), of: Credential.resource.schema, figures: ["updated_at"])

    private static let kind = Credential.kind.described("Default: bearer")

    /// Throws 422 with every error. The body satisfies its schema.
    init(_ body: JSON) throws {
        name = body["name"]?.stringValue ?? ""
        kind = body["kind"]?.stringValue.flatMap(Credential.Kind.init) ?? .bearer
        header = body["header"]?.stringValue
        value = body["value"]?.stringValue
        let texts = body["hosts"]?.arrayValue?.map { $0.stringValue ?? "" } ?? []
        let patterns = texts.map(HostPattern.init(parsing:))
        hosts = patterns.compactMap(\.self)
        var problems: Violations = []
        if name.isUUID { problems.append(Violation(pointer: "/name", message: "must not have the form of an id")) }
        for (index, pattern) in patterns.enumerated() where pattern == nil {
            problems.append(
                Violation(
                    pointer: "/hosts/\(index)",
                    message: "must be a host or `*.` and a name of at least two parts, each with or without a port"))
        }
        if let mistake = Self.mistake(inHeader: header, of: kind) {
            problems.append(Violation(pointer: "/header", message: mistake))
        }
        if let value, let mistake = Self.mistake(inValue: value, of: kind) {
            problems.append(Violation(pointer: "/value", message: mistake))
        }
        guard problems.isEmpty else { throw Problem.invalid(problems) }
    }

    private static func mistake(inHeader header: String?, of kind: Credential.Kind) -> String? {
        switch (kind, header) {
        case (.header, nil): "is required for the kind 'header'"
        case (.header, let name?):
            OutgoingRequest.mayCarrySecret(name) ? nil : "is not the name of a header field, or reserved"
        case (_, nil): nil
        case (_, _?): "is only for the kind 'header'"
        }
    }

    private static func mistake(inValue value: String, of kind: Credential.Kind) -> String? {
        switch kind {
        case .basic:
            if value.first == ":" || !value.utf8.contains(UInt8(ascii: ":")) { return "must be USER:PASSWORD" }
            let isText = value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            return isText ? nil : "must not contain control characters"
        case .bearer, .header:
            let isVisible = value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
            guard isVisible, value.first != " ", value.last != " " else {
                return "must be visible ASCII characters, with spaces only between them"
            }
            return nil
        }
    }
}
