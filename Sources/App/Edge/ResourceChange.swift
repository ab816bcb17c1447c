import HTTP
import JSON

/// The body of a call that changes a resource. A client may send back the whole resource that it has read: the members
/// that only the server sets are accepted if they have their present values, and its figures with any value.
struct ResourceChange: Sendable {
    let schema: JSONSchema
    private let serverMembers: [String]

    /// - Parameters:
    ///   - change: the members that a client sets.
    ///   - whole: the resource as it is read.
    ///   - figures: members that change by themselves, or with every change, such as the time of the last one. They are
    ///     accepted with any value, so that a call can be repeated; `If-Match` is what detects another client's change.
    init(_ change: JSONSchema, of whole: JSONSchema, figures: [String] = []) {
        let others = whole.memberNames.filter { !change.memberNames.contains($0) }
        serverMembers = others.filter { !figures.contains($0) }
        schema = change.accepting(
            others.map { ($0, figures.contains($0) ? Self.figure : Self.serverMember) }
        ).named(change.name ?? "")
    }

    private static let figure = JSONSchema.any.described("It has no effect if it is sent: the server sets it")

    private static let serverMember = JSONSchema.any.described(
        "Set by the server. If it is sent, it must have its present value")

    /// Whether the body has members that only the server sets.
    func hasServerMembers(_ body: JSON) -> Bool { serverMembers.contains { body[$0] != nil } }

    /// Throws 422 for each member that only the server sets and that has another value than in `present`.
    ///
    /// - Parameters:
    ///   - present: the resource as it would be read now; nil if it does not exist yet.
    ///   - ignored: a member that is not checked.
    func check(_ body: JSON, against present: JSON?, ignoring ignored: String? = nil) throws {
        let wrong = serverMembers.filter { name in
            guard name != ignored, let value = body[name] else { return false }
            return present?[name].map { !value.isEquivalent(to: $0) } ?? true
        }
        guard !wrong.isEmpty else { return }
        let message = present == nil ? "is set by the server" : "is set by the server, and has another value now"
        throw Problem.invalid(wrong.map { Violation(pointer: "/\($0)", message: message) })
    }
}

extension JSON {
    /// Whether both have the same members and elements. The order of members does not matter.
    fileprivate func isEquivalent(to other: JSON) -> Bool {
        switch (self, other) {
        case (.array(let a), .array(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.isEquivalent(to: $1) }
        case (.object(let a), .object(let b)):
            guard a.count == b.count else { return false }
            return a.members.allSatisfy { member in b[member.name].map(member.value.isEquivalent) ?? false }
        default: return self == other
        }
    }
}
