import Crypto
import Postgres
import TestSupport
import Testing
import Tokens

@testable import App

/// The fixture of all tests of keys: a database, the settings of one program, and any number of processes.
struct KeyFixture {
    static let now: Int64 = 1_700_000_000
    static let claims = Claims(
        subject: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", session: "017f22e2-79b0-7cc3-98c4-dc0c0c073990",
        issuedAt: now, notBefore: now, expires: now + 1_800)

    let database: TestDatabase
    let connection: Connection
    let settings: TokenKeys
    let sealingKeys: KeyRing

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        settings = try TokenKeys(secret: [UInt8](repeating: 0x5a, count: 32))
        sealingKeys = try KeyRing(key: [UInt8](repeating: 1, count: 32))
    }

    /// A new process with empty caches.
    func process(sealingKeys: KeyRing? = nil) -> SessionTokens {
        SessionTokens(keys: settings, issuer: "i", audience: "a", sealingKeys: sealingKeys ?? self.sealingKeys)
    }

    var administration: KeyAdministration {
        KeyAdministration(on: connection, tokenKeys: settings, sealingKeys: sealingKeys)
    }

    /// Creates a key and makes all keys this many seconds older.
    func rotate(andWait seconds: Int = 10) throws {
        _ = try administration.rotateTokenKey(isForced: true)
        try wait(seconds)
    }

    func wait(_ seconds: Int) throws {
        try connection.execute(
            """
            UPDATE token_keys SET created_at = created_at - \(seconds) * interval '1 second',
                signs_at = signs_at - \(seconds) * interval '1 second'
            """)
    }

    func sign(by process: SessionTokens, now: Int64 = now) throws -> String {
        try process.recent(now: now, on: connection).sign(Self.claims)
    }
}

@Suite struct SessionTokensTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    private func expect(
        _ process: SessionTokens, accepts token: String, at now: Int64 = KeyFixture.now,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: Never.self, sourceLocation: sourceLocation) {
            try process.verify(token, now: now, on: fixture.connection)
        }
    }

    private func expect(
        _ process: SessionTokens, refuses token: String, at now: Int64 = KeyFixture.now,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: TokenError.self, sourceLocation: sourceLocation) {
            try process.verify(token, now: now, on: fixture.connection)
        }
    }

    @Test func tokensOfTheTwoNewestKeysAreValid() throws {
        var tokens = [try fixture.sign(by: fixture.process())]
        for _ in 0..<3 {
            try fixture.rotate()
            tokens.append(try fixture.sign(by: fixture.process()))
        }
        let process = fixture.process()
        for token in tokens.suffix(2) { expect(process, accepts: token) }
        for token in tokens.prefix(2) { expect(process, refuses: token) }
    }

    @Test func aKeyIsPublishedBeforeItSigns() throws {
        let (one, other) = (fixture.process(), fixture.process())
        let before = try fixture.sign(by: one)
        expect(other, accepts: before)
        try fixture.rotate(andWait: 0)
        #expect(try fixture.sign(by: one, now: KeyFixture.now + 2) == before, "the new key does not sign yet")
        try fixture.wait(10)
        let after = try fixture.sign(by: one, now: KeyFixture.now + 4)
        #expect(after != before)
        expect(other, accepts: after, at: KeyFixture.now + 4)
        expect(other, accepts: before, at: KeyFixture.now + 4)
    }

    /// Tokens with unknown key ids neither cause more lookups nor hide a new key.
    @Test func looksUpUnknownKeysOnceASecond() throws {
        let (one, other) = (fixture.process(), fixture.process())
        expect(other, accepts: try fixture.sign(by: one))
        try fixture.rotate()
        let token = try fixture.sign(by: one, now: KeyFixture.now + 4)
        let foreign = TokenIssuer(
            keys: try TokenKeys(secret: [UInt8](repeating: 7, count: 32)), issuer: "i", audience: "a")
        expect(other, refuses: token)
        expect(other, refuses: foreign.sign(KeyFixture.claims), at: KeyFixture.now + 1)
        expect(other, accepts: token, at: KeyFixture.now + 1)
    }

    /// A process reads the keys again after a minute, whether or not a token requires it.
    @Test func aRemovedKeyIsRefusedWithinAMinute() throws {
        let process = fixture.process()
        let token = try fixture.sign(by: process)
        expect(process, accepts: token)
        try fixture.rotate()
        try fixture.rotate()
        expect(process, accepts: token, at: KeyFixture.now + 59)
        expect(process, refuses: token, at: KeyFixture.now + 60)
    }

    @Test func signsWithTheCachedKeyForTwoSeconds() throws {
        let process = fixture.process()
        let token = try fixture.sign(by: process)
        try fixture.rotate()
        #expect(try fixture.sign(by: process, now: KeyFixture.now + 1) == token)
        #expect(try fixture.sign(by: process, now: KeyFixture.now + 2) != token)
    }

    @Test func cachedKeysNeedNoDatabase() throws {
        let process = fixture.process()
        let token = try fixture.sign(by: process)
        let unreachable = Connection(try PostgresConfiguration("host=/nonexistent"))
        #expect(throws: Never.self) { try process.verify(token, now: KeyFixture.now + 50, on: unreachable) }
        #expect(throws: PostgresError.self) { try process.verify(token, now: KeyFixture.now + 70, on: unreachable) }
        #expect(throws: PostgresError.self) {
            try fixture.process().verify(token, now: KeyFixture.now, on: unreachable)
        }
    }

    /// The keys of the settings must not be used again when the newer ones cannot be opened.
    @Test func nothingIsSignedWithoutTheSealingKey() throws {
        let token = try fixture.sign(by: fixture.process())
        try fixture.rotate()
        let process = fixture.process(sealingKeys: try KeyRing(key: [UInt8](repeating: 2, count: 32)))
        #expect(throws: TokenKey.Unreadable.self) { try fixture.sign(by: process) }
        #expect(throws: TokenKey.Unreadable.self) {
            try process.verify(token, now: KeyFixture.now, on: fixture.connection)
        }
    }

    @Test func secretsCannotBeSwappedBetweenRows() throws {
        try fixture.rotate()
        try fixture.rotate()
        try fixture.connection.execute("UPDATE token_keys SET secret = (SELECT secret FROM token_keys LIMIT 1)")
        #expect(throws: TokenKey.Unreadable.self) { try fixture.sign(by: fixture.process()) }
    }

    /// A session lives longer than an access token; its refresh tokens live as long as the session.
    @Test func refreshTokensStayValidAfterKeyRotation() throws {
        let session = KeyFixture.claims.session
        let seed = [UInt8](repeating: 7, count: 16)
        let token = try fixture.process().recent(now: KeyFixture.now, on: fixture.connection)
            .refreshToken(session: session, number: 0, seed: seed)
        for _ in 0..<3 { try fixture.rotate() }
        let later = try fixture.process().recent(now: KeyFixture.now, on: fixture.connection)
        #expect(later.isGenuine(token, seed: seed))
        #expect(!later.isGenuine(token, seed: seed + [0]))
    }
}
