import Crypto
import Postgres
import System
import Testing
import Tokens

@testable import App

@Suite struct KeyAdministrationTests {
    let place: KeyPlace

    init() throws { place = try KeyPlace() }

    /// The sentence of a refusal; nil when there was none.
    private func refusal(_ body: () throws -> Void) throws -> String? {
        do {
            try body()
            return nil
        } catch let refusal as Refusal {
            return refusal.description
        }
    }

    private func rotate(_ keys: KeyAdministration? = nil) throws -> String? {
        try refusal { _ = try (keys ?? place.administration).rotateTokenKey(isForced: false) }
    }

    private func list(_ keys: KeyAdministration? = nil) throws -> [String] {
        var lines: [String] = []
        try (keys ?? place.administration).list { lines.append($0) }
        return lines
    }

    @Test func refusesToEndTokensThatAreGood() throws {
        #expect(try rotate() == nil, "no token is of a key before that of the settings")
        #expect(try rotate()?.contains("valid for another") == true)
        try place.wait(31 * 60)
        #expect(try rotate()?.contains("valid for another") == true, "it has signed for five seconds less")
        try place.wait(5)
        #expect(try rotate() == nil)
    }

    @Test func refusesToEndThePreviousKeyOfTheSettingsUnasked() throws {
        let settings = try TokenKeys(
            secret: [UInt8](repeating: 3, count: 32), previous: [UInt8](repeating: 4, count: 32))
        let keys = KeyAdministration(on: place.connection, tokenKeys: settings, sealingKeys: place.sealingKeys)
        #expect(try rotate(keys)?.contains("tokens of JWT_PREVIOUS_SECRET_KEY") == true)
        _ = try keys.rotateTokenKey(isForced: true)
    }

    @Test func needsASealingKey() throws {
        let keys = KeyAdministration(on: place.connection, tokenKeys: place.settings, sealingKeys: nil)
        #expect(try rotate(keys)?.hasPrefix("SEALING_KEY ") == true)
        #expect(try refusal { try keys.reseal { _ in } }?.hasPrefix("SEALING_KEY ") == true)
        #expect(try list(keys).count == 1)
    }

    /// However fast an operator is, keys take over with room between them.
    @Test func keysTakeOverOneAfterTheOther() throws {
        for _ in 0..<3 { _ = try place.administration.rotateTokenKey(isForced: true) }
        let gaps = try place.connection.query(
            """
            SELECT (extract(epoch FROM signs_at - lag(signs_at) OVER (ORDER BY signs_at)))::float8,
                (extract(epoch FROM signs_at - created_at))::float8
            FROM token_keys ORDER BY signs_at
            """
        ).map { try $0.decode(Double?.self, Double.self) }
        #expect(gaps.map(\.0) == [nil, 7, 7])
        #expect(gaps.allSatisfy { $0.1 > 4.9 })
    }

    @Test func listsWhatEveryKeyDoes() throws {
        #expect(try list().first?.hasSuffix("from JWT_SECRET_KEY  signs") == true)
        for _ in 0..<2 { try place.rotate(andWait: 60) }
        try place.rotate(andWait: 0)
        let lines = try list()
        let states = ["verifies refresh tokens only", "verifies until 2", "signs since 2", "signs from 2"]
        for (line, state) in zip(lines, states) { #expect(line.hasPrefix("token ") && line.contains(state), "\(line)") }
        #expect(lines[4].hasSuffix("from SEALING_KEY  seals; values: 3"))
        #expect(lines.count == 5)
    }

    @Test func printsNoSecret() throws {
        let said = try place.administration.rotateTokenKey(isForced: true)
        let row = try place.connection.query("SELECT id, secret FROM token_keys").only
        let (id, sealed) = try row.decode(String.self, [UInt8].self)
        let secret = try place.sealingKeys.open(sealed, associated: TokenKey.associated(id))
        #expect(secret.count == 32)
        let printed = (try list() + [said]).joined(separator: "\n")
        #expect(printed.contains(id))
        for form in [Hexadecimal.encode(secret), Base64URL.encode(secret), "\(secret)"] {
            #expect(!printed.contains(form))
        }
    }

    @Test func resealsWhatIsUnderAnOlderKey() throws {
        let user = UUIDv7.make()
        try place.connection.execute("INSERT INTO users (id, username) VALUES (\(user), 'ann')")
        let secret = place.sealingKeys.seal("totp".utf8, associated: SecondFactor.associated(user))
        try place.connection.execute("INSERT INTO second_factors (user_id, secret) VALUES (\(user), \(secret))")
        try place.rotate()
        let token = try place.sign(by: place.process())

        let (old, new) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        let both = try KeyRing(key: new, previous: [old])
        let keys = KeyAdministration(on: place.connection, tokenKeys: place.settings, sealingKeys: both)
        #expect(try list(keys).suffix(2).map { $0.suffix(1) } == ["0", "2"])
        var lines: [String] = []
        try keys.reseal { lines.append($0) }
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasSuffix(": 1 resealed, 0 that do not open") })
        try keys.reseal { lines.append($0) }
        #expect(lines.suffix(2).allSatisfy { $0.contains(": 0 resealed") })

        let alone = try KeyRing(key: new)
        #expect(throws: Never.self) {
            try place.process(sealingKeys: alone).verify(token, now: KeyPlace.now, on: place.connection)
        }
        #expect(
            try SecondFactor.find(of: user, alone, on: place.connection)?.isConfirmed == false)
    }

    /// More rows than one transaction takes, one of which no key opens: the others are resealed, and it is told.
    @Test func goesOnPastAValueThatDoesNotOpen() throws {
        let count = 1_100
        for number in 0..<count {
            let id = "\(number)"
            let sealed = place.sealingKeys.seal("x".utf8, associated: TokenKey.associated(number == 700 ? "?" : id))
            try place.connection.execute(
                """
                INSERT INTO token_keys (id, secret, signs_at)
                VALUES (\(id), \(sealed), clock_timestamp() + \(number + 1) * interval '1 hour')
                """)
        }
        let both = try KeyRing(key: [UInt8](repeating: 2, count: 32), previous: [[UInt8](repeating: 1, count: 32)])
        let keys = KeyAdministration(on: place.connection, tokenKeys: place.settings, sealingKeys: both)
        var lines: [String] = []
        #expect(try refusal { try keys.reseal { lines.append($0) } }?.hasPrefix("1 values ") == true)
        #expect(lines.last == "token_keys.secret: 1099 resealed, 1 that do not open")
    }
}
