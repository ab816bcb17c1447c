import Crypto
import JSON
import Postgres
import SharedMemory
import TestSupport
import Tokens

@testable import App

/// A database in which every table that an unauthenticated call may read has a row for each of 100,000 users, and the
/// services of one process that uses it.
struct CrowdedDatabase: Sendable {
    static let shared = Result { try CrowdedDatabase() }
    static let password = "lasting impression"
    private static let users = 100_000

    let database: TestDatabase
    let services: Services
    private let issuerKey: SigningKey

    init() throws {
        database = try TestDatabase.make()
        issuerKey = try SigningKey(.edDSA, id: "first")
        var chosen = TestServices()
        chosen.issuerKeys = try JSONWebKeySet(["keys": [issuerKey.jwk]])
        chosen.loginLimits = LoginLimits(throttle: LoginThrottle(in: try SharedMemory()), key: HMACSHA256(key: [2]))
        chosen.registrationLimit = 1_000
        chosen.loginCreatesAccount = true
        services = try chosen.make()
        try fill()
    }

    /// The id of the user with the e-mail `user{number}@example.org` and the username `user{number}`.
    static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "00000000-0000-7000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    /// A token of the external issuer.
    func externalToken(of subject: String, now: Int64) -> String {
        issuerKey.token([
            "iss": .string(TestServices.issuerName), "sub": .string(subject), "aud": "api", "iat": .integer(now),
            "exp": .integer(now + 300), "email": .string("\(subject)@example.org"),
        ])
    }

    private func fill() throws {
        let owner = database.connect()
        let hash = try services.passwords.hash(Self.password)
        let numbers: SQL = """
            (SELECT n, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
             FROM generate_series(1, \(Self.users)) n) AS user_numbers
            """
        try owner.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_grows")
        try owner.pipeline([
            """
            INSERT INTO users (id, email, username, password_hash)
            SELECT id, 'user' || n || '@example.org', 'user' || n, \(hash) FROM \(numbers)
            """,
            "INSERT INTO sessions (id, user_id, expires_at) SELECT id, id, now() + interval '1 day' FROM \(numbers)",
            """
            INSERT INTO api_keys (id, user_id, name, digest, scopes, expires_at)
            SELECT id, id, 'key', sha256(n::text::bytea), '{read}', now() + interval '1 day' FROM \(numbers)
            """,
            """
            INSERT INTO credentials (id, user_id, name, kind, hosts, sealed)
            SELECT id, id, 'c', 'bearer', '{example.org}', '' FROM \(numbers)
            """,
            "INSERT INTO credits (user_id, balance, entries) SELECT id, 1, 0 FROM \(numbers)",
            """
            INSERT INTO identities (issuer, subject, user_id)
            SELECT \(TestServices.issuerName), 'subject' || n, id FROM \(numbers)
            """,
            """
            INSERT INTO guests (network, user_id, expires_at)
            SELECT '2001:db8:0:' || to_hex(n), id, now() + interval '1 day' FROM \(numbers)
            """,
            """
            INSERT INTO rate_limits (network, name, window_start, calls)
            SELECT '2001:db8:0:' || to_hex(n), 'registrations', now(), 1 FROM \(numbers)
            """,
            // The first hundred have no second factor.
            "INSERT INTO second_factors (user_id, secret) SELECT id, '\\x00' FROM \(numbers) WHERE n > 100",
            "INSERT INTO recovery_codes (user_id, digest) SELECT id, sha256(n::text::bytea) FROM \(numbers)",
            """
            INSERT INTO audit_log (id, action, origin, actor, detail, position, seal)
            SELECT id, 'login', 'request', id, '{}', n, '\\x00' FROM \(numbers)
            """,
        ])
        try owner.execute("ALTER TABLE audit_log ENABLE TRIGGER audit_log_grows")
        try owner.execute("ANALYZE")
    }
}
