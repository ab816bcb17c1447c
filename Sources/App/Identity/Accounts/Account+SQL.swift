import Crypto
import HTTP
import JSON
import Postgres
import System

extension Account {
    /// The columns of `users`, aliased `u`, that `init(_:)` reads, in its order.
    static let columns = resource.columns

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        email = try columns.next()
        username = try columns.next()
        name = try columns.next()
        age = try columns.next()
        role = Role(rawValue: try columns.next()) ?? .client
        createdAt = try columns.next()
    }

    init(_ row: Row) throws {
        var columns = row.columns
        try self.init(&columns)
    }

    /// Creates the account; nil when its e-mail or username is taken.
    ///
    /// - Parameter isConfirmed: whether an admin vouches for the e-mail.
    static func insert(
        _ registration: Registration, passwordHash: String, role: Role = .client, isConfirmed: Bool,
        on connection: Connection
    ) throws -> Account? {
        try connection.query(
            """
            INSERT INTO users AS u (id, email, email_confirmed, username, name, age, role, password_hash)
            VALUES (\(UUIDv7.make()), \(optional: registration.email), \(isConfirmed && registration.email != nil),
                \(optional: registration.username), \(optional: registration.name), \(optional: registration.age),
                \(role.rawValue), \(passwordHash))
            ON CONFLICT DO NOTHING
            RETURNING \(columns)
            """
        ).first.map(Account.init)
    }

    /// Nil for an account without a password.
    func passwordHash(on connection: Connection) throws -> String? {
        try connection.query("SELECT password_hash FROM users WHERE id = \(id)").only.decode(String?.self)
    }

    /// Replaces the hash; returns false and changes nothing when it is no longer the verified one.
    static func setPasswordHash(
        _ hash: String, replacing verified: String, of userID: String, on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            "UPDATE users SET password_hash = \(hash) WHERE id = \(userID) AND password_hash = \(verified)") == 1
    }

    /// Replaces the e-mail, which is not confirmed then; nil when the password's hash is no longer this one. Throws a
    /// unique violation when the name is taken.
    func setEmail(_ email: String, ifHashIs hash: String, on connection: Connection) throws -> Account? {
        try connection.query(
            """
            UPDATE users u SET email = \(email) WHERE id = \(id) AND password_hash = \(hash)
            RETURNING \(Account.columns)
            """
        ).first.map(Account.init)
    }

    /// Sets `name` and `age` if the change has them.
    func describe(_ change: JSON, on connection: Connection) throws -> Account {
        var assignments: [SQL] = []
        if let name = change["name"] { assignments.append("name = \(optional: name.stringValue)") }
        if let age = change["age"] { assignments.append("age = \(optional: age.integerValue)") }
        guard !assignments.isEmpty else { return self }
        let rows = try connection.query(
            """
            UPDATE users u SET \(assignments.joined(separator: ", ")) WHERE id = \(id) AND disabled_at IS NULL
            RETURNING \(Account.columns)
            """)
        guard let row = rows.first else { throw Problem.invalidToken }
        return try Account(row)
    }

    /// The condition on `users`, aliased `u`, for the account with that name that is not deleted. A name with an `@` is
    /// an e-mail. The condition contains the predicate of the unique indexes, because Postgres would not use them
    /// without it.
    static func isNamed(_ login: String) -> SQL {
        let name: SQL = login.utf8.contains(UInt8(ascii: "@")) ? "folded(u.email)" : "folded(u.username)"
        return "\(name) = folded(\(login)) AND u.deleted_at IS NULL"
    }

    /// Whether an account has that e-mail, or an admin with a deleted account had it.
    static func hasEverHad(email: String, on connection: Connection) throws -> Bool {
        let rows = try connection.query(
            """
            SELECT FROM users WHERE folded(email) = folded(\(email)) AND deleted_at IS NULL
            UNION ALL SELECT FROM users WHERE folded(email) = folded(\(email)) AND deleted_at IS NOT NULL
            UNION ALL SELECT FROM users WHERE email_digest = \(AccountRemoval.digest("\(email)"))
            LIMIT 1
            """)
        return !rows.isEmpty
    }

    /// The account with that e-mail or username, and the hash of its password. Names that were chosen before
    /// `UsernameProfile` applied are found as they are.
    static func findForLogin(_ login: String, on connection: Connection) throws -> (id: String, passwordHash: String)? {
        let enforced = UsernameProfile.enforced(login)
        return try find(login, on: connection)
            ?? (enforced.hasSameBytes(as: login) ? nil : find(enforced, on: connection))
    }

    private static func find(_ login: String, on connection: Connection) throws -> (id: String, passwordHash: String)? {
        try connection.query(
            """
            SELECT u.id, u.password_hash FROM users u
            WHERE \(isNamed(login)) AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL
            """
        ).first.map { row in
            let (id, passwordHash) = try row.decode(String.self, String.self)
            return (id, passwordHash)
        }
    }
}
