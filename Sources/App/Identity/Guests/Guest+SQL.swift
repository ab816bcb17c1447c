import Crypto
import Postgres

extension Guest {
    /// Creates a guest for the network; nil if the network has one already.
    static func make(of network: Network, on connection: Connection) throws -> Account? {
        try connection.query(
            """
            WITH reserved AS (
                INSERT INTO guests AS g (network, user_id, expires_at)
                VALUES (\(network.text), \(UUIDv7.make()), now() + \(lifetimeDays) * interval '1 day')
                ON CONFLICT (network) DO UPDATE SET user_id = excluded.user_id, expires_at = excluded.expires_at
                WHERE g.expires_at <= now()
                RETURNING user_id
            )
            INSERT INTO users AS u (id, role) SELECT user_id, \(Role.guest.rawValue) FROM reserved
            RETURNING \(Account.columns)
            """
        ).first.map(Account.init)
    }

    /// Seconds until the network may create another guest.
    static func wait(of network: Network, on connection: Connection) throws -> Int {
        try connection.query(
            "SELECT ceil(extract(epoch FROM expires_at - now()))::bigint FROM guests WHERE network = \(network.text)"
        ).first?.decode(Int.self) ?? 0
    }

    /// Turns the guest into a client, with the same data and session; the session gets the usual lifetime. Nil when the
    /// user is no longer a guest. Throws a unique violation when the name is taken.
    static func convert(
        _ id: String, to registration: Registration, passwordHash: String, _ audit: AuditTrail,
        on connection: Connection
    ) throws -> Account? {
        try connection.transaction { connection in
            let account = try connection.query(
                """
                UPDATE users u
                SET email = \(optional: registration.email), username = \(optional: registration.username),
                    name = \(optional: registration.name), role = \(Role.client.rawValue),
                    password_hash = \(passwordHash), is_full = false
                WHERE u.id = \(id) AND u.role = \(Role.guest.rawValue) AND u.disabled_at IS NULL
                RETURNING \(Account.columns)
                """
            ).first.map(Account.init)
            guard let account else { return nil }
            try audit.record(.roleChanged(of: id, from: .guest, to: account.role))
            try connection.execute("DELETE FROM guests WHERE user_id = \(id)")
            try connection.execute(
                """
                UPDATE sessions SET expires_at = created_at + \(Session.lifetimeDays) * interval '1 day'
                WHERE user_id = \(id) AND ended_at IS NULL AND expires_at > now()
                """)
            return account
        }
    }
}
