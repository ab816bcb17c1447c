import HTTP
import JSON
import Postgres

extension User {
    private init(_ row: Row) throws {
        var columns = row.columns
        account = try Account(&columns)
        isDisabled = try columns.next()
        isEmailConfirmed = try columns.next()
    }

    /// All users that are not deleted.
    static let source: SQL = "users u WHERE u.deleted_at IS NULL"

    /// All users that are not deleted, oldest first.
    static func all(on connection: Connection) throws -> [User] {
        try connection.query(
            "SELECT \(resource.columns) FROM \(source) ORDER BY u.created_at, u.id"
        ).map(User.init)
    }

    /// The user with that e-mail or username, disabled or not.
    static func find(named name: String, on connection: Connection) throws -> User? {
        try connection.query(
            "SELECT \(resource.columns) FROM users u WHERE \(Account.isNamed(name))"
        ).first.map(User.init)
    }

    /// The user, or nil; `locked` locks the row until the transaction ends.
    static func find(_ id: String, locked: Bool = false, on connection: Connection) throws -> User? {
        let lock: SQL = locked ? "FOR UPDATE" : ""
        return try connection.query(
            "SELECT \(resource.columns) FROM \(source) AND u.id = \(id) \(lock)"
        ).first.map(User.init)
    }

    /// Whether the user's account has not ended; it cannot end before the transaction does.
    static func lockActive(_ id: String, on connection: Connection) throws -> Bool {
        try !connection.query("SELECT FROM users WHERE id = \(id) AND disabled_at IS NULL FOR SHARE").isEmpty
    }

    /// Updates the members that `change` names. A disabled user's sessions and keys end for good.
    func update(_ change: JSON, _ audit: AuditTrail, on connection: Connection) throws -> User {
        let isDisabled = change["disabled"]?.boolValue ?? isDisabled
        let rows = try connection.query(
            """
            UPDATE users u
            SET name = \(optional: change["name"].map(\.stringValue) ?? account.name),
                age = \(optional: change["age"].map(\.integerValue) ?? account.age),
                role = \(change["role"]?.stringValue ?? account.role.rawValue),
                email_confirmed = \(change["email_confirmed"]?.boolValue ?? isEmailConfirmed) AND u.email IS NOT NULL,
                disabled_at = CASE WHEN \(isDisabled) THEN coalesce(u.disabled_at, now()) END
            WHERE u.id = \(account.id)
            RETURNING \(User.resource.columns)
            """)
        if isDisabled { try endAccess(on: connection) }
        let updated = try User(try rows.only)
        if updated.account.role != account.role {
            try audit.record(.roleChanged(of: account.id, from: account.role, to: updated.account.role))
        }
        if updated.isDisabled != self.isDisabled {
            try audit.record(isDisabled ? .userDisabled(account.id) : .userEnabled(account.id))
        }
        return updated
    }

    /// Deletes the user, in the open transaction. What the user had is removed later (`AccountRemoval`).
    func delete(_ audit: AuditTrail, on connection: Connection) throws {
        try AccountRemoval.begin(account.id, on: connection)
        try audit.record(.userDeleted(account.id))
    }

    /// Ends all sessions and API keys of the user.
    func endAccess(on connection: Connection) throws {
        try Session.endAll(of: account.id, on: connection)
        try APIKey.endAll(of: account.id, on: connection)
    }

    /// Changes the user in a transaction, with the row locked. If the change ends the account, its active runs end as
    /// well: a first portion of them at once, and the rest by the workers. Throws 404 for an unknown user, and 409 for
    /// a change that would leave no admin.
    static func changing(
        _ id: String, removesAdmin: Bool, _ context: Context, _ change: (User) throws -> Response
    ) throws -> Response {
        let response = try context.connection.transaction { connection in
            // Locks the admins first, always in the same order, so that two such calls cannot deadlock.
            let admins = try removesAdmin ? lockAdmins(with: id, on: connection) : []
            guard let user = try find(id, locked: true, on: connection) else { throw Problem.notFound }
            if removesAdmin, user.account.role == .admin, !user.isDisabled {
                // The user became an admin while the call waited for the row.
                guard admins.contains(user.account.id) else { throw Problem.unavailable() }
                if admins.count == 1 { throw Problem(.lastAdmin) }
            }
            return try change(user)
        }
        // The change is committed. If this fails, the workers end all runs.
        _ = try? AccountEnd.endSomeRuns(by: context.services.engine, on: context.connection)
        return response
    }

    /// The active admins if this user is one of them, otherwise none. They are locked until the transaction ends, so
    /// that two of them cannot remove each other at the same time.
    private static func lockAdmins(with id: String, on connection: Connection) throws -> [String] {
        let isActiveAdmin = "role = 'admin' AND disabled_at IS NULL AND deleted_at IS NULL" as SQL
        return try connection.query(
            """
            SELECT id FROM users
            WHERE \(isActiveAdmin) AND EXISTS (SELECT FROM users WHERE id = \(id) AND \(isActiveAdmin))
            ORDER BY id FOR UPDATE
            """
        ).map { try $0.decode(String.self) }
    }
}
