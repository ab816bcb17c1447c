import Flows
import JSON
import Postgres

/// Who may decide an approval: users, or all admins. They are rows of `approvers` while the step waits.
struct Approvers {
    /// Stands for the user to whom the run belongs.
    static let owner = "owner"
    /// Stands for every admin.
    static let admin = "admin"
    static let name = Registration.loginName
    static let maximumCount = 20
    /// How many open requests one owner may have with one approver. Two steps that begin to wait in the same instant do
    /// not see each other, so it can be exceeded by a few.
    static let maximumOpen = 100
    /// How many e-mails of no approver the runs of one user may name in an hour, so that they cannot be used to find
    /// out who has an account. Steps that are executed at the same time may exceed it by a few.
    static let unknownEmails = RateLimit(name: "unknown-approvers", calls: 20, seconds: 3_600)
    /// Stands for every admin in the table.
    static let anyAdmin = "00000000-0000-0000-0000-000000000000"

    /// What commits with the wait: replaces the approvers of an earlier step of the run.
    let statements: [SQL]

    /// Looks up the users that these texts name. Later registrations and changes of e-mails gain nothing.
    ///
    /// - Throws: `TaskFailure` if a text names no user who can decide, or a user has too many requests.
    init(_ texts: [String], of context: TaskContext) throws {
        if texts.contains(where: { $0 != Self.owner }) {
            try context.refuseGuests("Guests cannot ask others. Create an account first")
        }
        var ids: Set<String> = []
        for (position, text) in texts.enumerated() {
            guard let id = try Self.find(text, context) else {
                throw TaskFailure(
                    code: "approver_unknown",
                    message: "/approvers/\(position): no user who can decide has this id or confirmed e-mail")
            }
            ids.insert(id)
        }
        let others = ids.subtracting([context.userID]).sorted()
        let busy = try context.connection.query(
            """
            SELECT FROM unnest(\(others)::uuid[]) AS other (id)
            WHERE (
                SELECT count(*) FROM (
                    SELECT FROM \(ApprovalRequest.open) AND a.owner_id = \(context.userID) AND a.approver_id = other.id
                    LIMIT \(Self.maximumOpen)) request
            ) = \(Self.maximumOpen) LIMIT 1
            """)
        guard busy.isEmpty else {
            throw TaskFailure(
                code: "too_many_approvals",
                message: "An approver has \(Self.maximumOpen) open requests of the same user already")
        }
        statements = [
            "DELETE FROM approvers WHERE execution_id = \(context.executionID)",
            """
            INSERT INTO approvers (execution_id, approver_id, step, owner_id)
            SELECT \(context.executionID), id, \(context.step), \(context.userID)
            FROM unnest(\(ids.sorted())::uuid[]) AS approver (id)
            """,
        ]
    }

    private static func find(_ text: String, _ context: TaskContext) throws -> String? {
        switch text {
        case owner: return context.userID
        case admin: return anyAdmin
        default:
            if text.utf8.contains(UInt8(ascii: "@")) { return try find(email: text, context) }
            return text.isUUID ? try find(where: "u.id = \(text)::uuid", context) : nil
        }
    }

    /// Throws also for an e-mail that is known if too many were not: the answer must not differ then.
    private static func find(email: String, _ context: TaskContext) throws -> String? {
        guard try !unknownEmails.isReached(by: context.userID, on: context.connection) else {
            throw TaskFailure(
                code: "too_many_unknown_approvers",
                message: """
                    Your runs have named too many e-mail addresses that belong to no approver. Try again in an hour
                    """)
        }
        let isNamed: SQL = "\(Account.isNamed(UsernameProfile.enforced(email))) AND u.email_confirmed"
        let found = try find(where: isNamed, context)
        if found == nil { _ = try unknownEmails.count(.user(context.userID), on: context.connection) }
        return found
    }

    private static func find(where isNamed: SQL, _ context: TaskContext) throws -> String? {
        try context.connection.query(
            "SELECT u.id FROM users u WHERE \(isNamed) AND u.disabled_at IS NULL AND u.role <> 'guest'"
        ).first?.decode(String.self)
    }
}
