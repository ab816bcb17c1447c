import Crypto
import Postgres

extension Account {
    /// The columns of `users`, named `u`, that `init(_:)` reads, in its order.
    static let columns: SQL = "u.id, u.email, u.username, u.name, u.age, u.role, rfc3339(u.created_at)"

    init(_ row: Row) throws {
        let (id, email, username, name, age, role, createdAt) = try row.decode(
            String.self, String?.self, String?.self, String?.self, Int64?.self, String.self, String.self)
        self.init(
            id: id, email: email, username: username, name: name, age: age, role: Role(rawValue: role) ?? .client,
            createdAt: createdAt)
    }

    /// Makes the account; nil when its e-mail or username is taken.
    static func insert(
        _ registration: Registration, passwordHash: String, role: Role = .client, on connection: Connection
    ) throws -> Account? {
        try connection.query(
            """
            INSERT INTO users AS u (id, email, username, name, age, role, password_hash)
            VALUES (\(UUIDv7.make()), \(optional: registration.email), \(optional: registration.username),
                \(optional: registration.name),
                \(optional: registration.age), \(role.rawValue), \(passwordHash))
            ON CONFLICT DO NOTHING
            RETURNING \(columns)
            """
        ).first.map(Account.init)
    }

    /// The account that logs in by that e-mail or username, with its password's hash.
    static func findForLogin(_ login: String, on connection: Connection) throws -> (id: String, passwordHash: String)? {
        let column: SQL = login.contains("@") ? "email" : "username"
        return try connection.query(
            "SELECT id, password_hash FROM users WHERE lower(\(column)) = lower(\(login)) AND disabled_at IS NULL"
        ).first.map { row in
            let (id, passwordHash) = try row.decode(String.self, String.self)
            return (id, passwordHash)
        }
    }
}

/// A login and what it is good for.
enum Session {
    /// How long a login lasts at most.
    static let lifetimeDays = 30

    /// Begins a session; returns its id.
    static func begin(for userID: String, on connection: Connection) throws -> String {
        let id = UUIDv7.make()
        _ = try connection.execute(
            """
            INSERT INTO sessions (id, user_id, expires_at)
            VALUES (\(id), \(userID), now() + \(lifetimeDays) * interval '1 day')
            """)
        return id
    }

    /// Who a token's session belongs to, if session and account both still stand.
    static func principal(session: String, user: String, on connection: Connection) throws -> Principal? {
        try connection.query(
            """
            SELECT \(Account.columns)
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = \(session) AND s.user_id = \(user) AND s.ended_at IS NULL AND s.expires_at > now()
                AND u.disabled_at IS NULL
            """
        ).first.map { Principal(account: try Account($0), sessionID: session) }
    }

    /// Ends this session, or all of its user's.
    static func end(_ principal: Principal, all: Bool, on connection: Connection) throws {
        _ = try connection.execute(
            """
            UPDATE sessions SET ended_at = now()
            WHERE user_id = \(principal.id) AND ended_at IS NULL AND (\(all) OR id = \(principal.sessionID))
            """)
    }
}
