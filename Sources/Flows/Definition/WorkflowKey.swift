import JSON
package import Postgres

/// The key that a user may give a workflow. It names the workflow wherever its id does, also in flows, so that these
/// need not be changed in another installation. Among a user's workflows that are not deleted it is unique.
package enum WorkflowKey {
    package static let maximumLength = 63

    /// Words that follow `/api/workflows/` in paths, or may do so in later releases.
    package static let reserved = [
        "copy", "deliveries", "events", "execute", "executions", "export", "hooks", "import", "key", "new", "null",
        "on-end", "resend", "rollback", "rotate", "runs",
        "schedule", "search", "validate", "versions",
    ]

    /// Why a text is no key, as the end of a sentence; nil if it is one.
    package static func mistake(in text: String) -> String? {
        guard hasForm(text) else {
            return "must begin with a letter from a to z and have only such letters, digits and hyphens"
        }
        if text.isUUID { return "must not have the form of an id" }
        return reserved.contains(text) ? "is reserved" : nil
    }

    private static func hasForm(_ text: String) -> Bool {
        guard (1...maximumLength).contains(text.utf8.count), text.utf8.first.map(isLetter) == true else { return false }
        return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The condition on `workflows w` for the workflow that a text names: by its id, or by its key among those of the
    /// user, which are not deleted. Without a user, only an id names a workflow.
    static func condition(_ text: String, of userID: String?) -> SQL {
        if text.isUUID { return "w.id = \(text)" }
        guard let userID, mistake(in: text) == nil else { return "false" }
        return "w.user_id = \(userID) AND w.key = \(text) AND w.deleted_at IS NULL"
    }

    /// The id, in lower case, that a text names: it is one, or the key of one of the user's workflows. Nil if it is
    /// neither. Whether there is a workflow with that id is not checked.
    package static func resolve(_ text: String, of userID: String, on connection: Connection) throws -> String? {
        guard !text.isUUID else { return text.lowercased() }
        return try connection.query("SELECT w.id FROM workflows w WHERE \(condition(text, of: userID))")
            .first?.decode(String.self)
    }
}
