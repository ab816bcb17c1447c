import Crypto
import Postgres
import System
import Testing
import Tokens

@testable import App

@Suite struct KeyAdministrationTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    /// The message of a refusal; nil if nothing is refused.
    private func refusal(_ body: () throws -> Void) throws -> String? {
        do {
            try body()
            return nil
        } catch let refusal as Refusal {
            return refusal.description
        }
    }

    private func rotate(_ keys: KeyAdministration? = nil) throws -> String? {
        try refusal { _ = try (keys ?? fixture.administration).rotateTokenKey(isForced: false) }
    }

    private func list(_ keys: KeyAdministration? = nil) throws -> [String] {
        var lines: [String] = []
        try (keys ?? fixture.administration).list { lines.append($0) }
        return lines
    }

    @Test func refusesToInvalidateValidTokens() throws {
        #expect(try rotate() == nil, "no token was signed by a key before the one in the settings")
        #expect(try rotate()?.contains("valid for another") == true)
        try fixture.wait(31 * 60)
        #expect(try rotate()?.contains("valid for another") == true, "it started to sign five seconds later")
        try fixture.wait(5)
        #expect(try rotate() == nil)
    }

    @Test func refusesToInvalidateThePreviousKeyOfTheSettings() throws {
        let settings = try TokenKeys(
            secret: [UInt8](repeating: 3, count: 32), previous: [UInt8](repeating: 4, count: 32))
        let keys = KeyAdministration(on: fixture.connection, tokenKeys: settings, sealingKeys: fixture.sealingKeys)
        #expect(try rotate(keys)?.contains("tokens of JWT_PREVIOUS_SECRET_KEY") == true)
        _ = try keys.rotateTokenKey(isForced: true)
    }

    @Test func needsASealingKey() throws {
        let keys = KeyAdministration(on: fixture.connection, tokenKeys: fixture.settings, sealingKeys: nil)
        #expect(try rotate(keys)?.hasPrefix("SEALING_KEY ") == true)
        #expect(try refusal { try keys.reseal { _ in } }?.hasPrefix("SEALING_KEY ") == true)
        #expect(try list(keys).count == 1)
    }

    /// Keys replace each other with a minimum interval, even if they are rotated in quick succession.
    @Test func keysTakeEffectAtIntervals() throws {
        for _ in 0..<3 { _ = try fixture.administration.rotateTokenKey(isForced: true) }
        let gaps = try fixture.connection.query(
            """
            SELECT (extract(epoch FROM signs_at - lag(signs_at) OVER (ORDER BY signs_at)))::float8,
                (extract(epoch FROM signs_at - created_at))::float8
            FROM token_keys ORDER BY signs_at
            """
        ).map { try $0.decode(Double?.self, Double.self) }
        #expect(gaps.map(\.0) == [nil, 7, 7])
        #expect(gaps.allSatisfy { $0.1 > 4.9 })
    }

    @Test func listsTheStateOfEveryKey() throws {
        #expect(try list().first?.hasSuffix("from JWT_SECRET_KEY  signs") == true)
        for _ in 0..<2 { try fixture.rotate(andWait: 60) }
        try fixture.rotate(andWait: 0)
        let lines = try list()
        let states = ["verifies refresh tokens only", "verifies until 2", "signs since 2", "signs from 2"]
        for (line, state) in zip(lines, states) { #expect(line.hasPrefix("token ") && line.contains(state), "\(line)") }
        #expect(lines[4].hasSuffix("from SEALING_KEY  seals; values: 3"))
        #expect(lines.count == 5)
    }

    @Test func printsNoSecret() throws {
        let message = try fixture.administration.rotateTokenKey(isForced: true)
        let row = try fixture.connection.query("SELECT id, secret FROM token_keys").only
        let (id, sealed) = try row.decode(String.self, [UInt8].self)
        let secret = try fixture.sealingKeys.open(sealed, associated: TokenKey.associated(id))
        #expect(secret.count == 32)
        let printed = (try list() + [message]).joined(separator: "\n")
        #expect(printed.contains(id))
        for form in [Hexadecimal.encode(secret), Base64URL.encode(secret), "\(secret)"] {
            #expect(!printed.contains(form))
        }
    }

    @Test func resealsValuesOfThePreviousKey() throws {
        let user = UUIDv7.make()
        try fixture.connection.execute("INSERT INTO users (id, username) VALUES (\(user), 'ann')")
        let secret = fixture.sealingKeys.seal("totp".utf8, associated: SecondFactor.associated(user))
        try fixture.connection.execute("INSERT INTO second_factors (user_id, secret) VALUES (\(user), \(secret))")
        let credential = UUIDv7.make()
        let value = fixture.sealingKeys.seal(
            "value".utf8, associated: Credential.associated(credential, of: user))
        try fixture.connection.execute(
            """
            INSERT INTO credentials (id, user_id, name, kind, hosts, sealed)
            VALUES (\(credential), \(user), 'c', 'bearer', '{example.org}', \(value))
            """)
        try fixture.rotate()
        let token = try fixture.sign(by: fixture.process())

        let (old, new) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        let both = try KeyRing(key: new, previous: [old])
        let keys = KeyAdministration(on: fixture.connection, tokenKeys: fixture.settings, sealingKeys: both)
        #expect(try list(keys).suffix(2).map { $0.suffix(1) } == ["0", "3"])
        var lines: [String] = []
        try keys.reseal { lines.append($0) }
        #expect(lines.count == SealedColumn.all.count && lines.count { $0.contains(": 1 resealed") } == 3)
        #expect(lines.allSatisfy { $0.hasSuffix(" resealed, 0 that do not open") })
        lines = []
        try keys.reseal { lines.append($0) }
        #expect(lines.allSatisfy { $0.contains(": 0 resealed") })

        let alone = try KeyRing(key: new)
        #expect(throws: Never.self) {
            try fixture.process(sealingKeys: alone).verify(token, now: KeyFixture.now, on: fixture.connection)
        }
        #expect(
            try SecondFactor.find(of: user, alone, on: fixture.connection)?.isConfirmed == false)
    }

    /// More rows than one batch, one of which no key opens: the others are resealed, and that one is reported.
    @Test func continuesAfterAValueThatCannotBeOpened() throws {
        let count = 1_100
        for number in 0..<count {
            let id = "\(number)"
            let sealed = fixture.sealingKeys.seal("x".utf8, associated: TokenKey.associated(number == 700 ? "?" : id))
            try fixture.connection.execute(
                """
                INSERT INTO token_keys (id, secret, signs_at)
                VALUES (\(id), \(sealed), clock_timestamp() + \(number + 1) * interval '1 hour')
                """)
        }
        let both = try KeyRing(key: [UInt8](repeating: 2, count: 32), previous: [[UInt8](repeating: 1, count: 32)])
        let keys = KeyAdministration(on: fixture.connection, tokenKeys: fixture.settings, sealingKeys: both)
        var lines: [String] = []
        #expect(try refusal { try keys.reseal { lines.append($0) } }?.hasPrefix("1 values ") == true)
        #expect(lines.last == "token_keys.secret: 1099 resealed, 1 that do not open")
    }
}
