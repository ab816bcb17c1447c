import Crypto
import Postgres
import TestSupport
import Testing
import Tokens

@testable import App

/// What every test about keys starts from: a database, the settings of one program, and as many processes as it likes.
struct KeyPlace {
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

    /// A process of its own, that knows nothing yet.
    func process(sealingKeys: KeyRing? = nil) -> SessionTokens {
        SessionTokens(keys: settings, issuer: "i", audience: "a", sealingKeys: sealingKeys ?? self.sealingKeys)
    }

    var administration: KeyAdministration {
        KeyAdministration(on: connection, tokenKeys: settings, sealingKeys: sealingKeys)
    }

    /// Makes a key and lets so many seconds pass for all that there are.
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
    let place: KeyPlace

    init() throws { place = try KeyPlace() }

    private func expect(
        _ process: SessionTokens, takes token: String, at now: Int64 = KeyPlace.now,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: Never.self, sourceLocation: sourceLocation) {
            try process.verify(token, now: now, on: place.connection)
        }
    }

    private func expect(
        _ process: SessionTokens, refuses token: String, at now: Int64 = KeyPlace.now,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: TokenError.self, sourceLocation: sourceLocation) {
            try process.verify(token, now: now, on: place.connection)
        }
    }

    @Test func twoKeysAreGoodAtATime() throws {
        var tokens = [try place.sign(by: place.process())]
        for _ in 0..<3 {
            try place.rotate()
            tokens.append(try place.sign(by: place.process()))
        }
        let process = place.process()
        for token in tokens.suffix(2) { expect(process, takes: token) }
        for token in tokens.prefix(2) { expect(process, refuses: token) }
    }

    @Test func aKeyIsKnownToAllBeforeItSigns() throws {
        let (one, other) = (place.process(), place.process())
        let before = try place.sign(by: one)
        expect(other, takes: before)
        try place.rotate(andWait: 0)
        #expect(try place.sign(by: one, now: KeyPlace.now + 2) == before, "it does not sign yet")
        try place.wait(10)
        let after = try place.sign(by: one, now: KeyPlace.now + 4)
        #expect(after != before)
        expect(other, takes: after, at: KeyPlace.now + 4)
        expect(other, takes: before, at: KeyPlace.now + 4)
    }

    /// Who asks for keys that do not exist cannot make a process look more often, nor miss one that does.
    @Test func looksForAKeyOnceASecond() throws {
        let (one, other) = (place.process(), place.process())
        expect(other, takes: try place.sign(by: one))
        try place.rotate()
        let token = try place.sign(by: one, now: KeyPlace.now + 4)
        let foreign = TokenIssuer(
            keys: try TokenKeys(secret: [UInt8](repeating: 7, count: 32)), issuer: "i", audience: "a")
        expect(other, refuses: token)
        expect(other, refuses: foreign.sign(KeyPlace.claims), at: KeyPlace.now + 1)
        expect(other, takes: token, at: KeyPlace.now + 1)
    }

    /// What a process has known for a minute it looks up again, whatever it is shown.
    @Test func aKeyThatWentIsGoneEverywhereInAMinute() throws {
        let process = place.process()
        let token = try place.sign(by: process)
        expect(process, takes: token)
        try place.rotate()
        try place.rotate()
        expect(process, takes: token, at: KeyPlace.now + 59)
        expect(process, refuses: token, at: KeyPlace.now + 60)
    }

    @Test func signsWithoutALookForTwoSeconds() throws {
        let process = place.process()
        let token = try place.sign(by: process)
        try place.rotate()
        #expect(try place.sign(by: process, now: KeyPlace.now + 1) == token)
        #expect(try place.sign(by: process, now: KeyPlace.now + 2) != token)
    }

    @Test func knownKeysNeedNoDatabase() throws {
        let process = place.process()
        let token = try place.sign(by: process)
        let gone = Connection(try PostgresConfiguration("host=/nonexistent"))
        #expect(throws: Never.self) { try process.verify(token, now: KeyPlace.now + 50, on: gone) }
        #expect(throws: PostgresError.self) { try process.verify(token, now: KeyPlace.now + 70, on: gone) }
        #expect(throws: PostgresError.self) { try place.process().verify(token, now: KeyPlace.now, on: gone) }
    }

    /// The keys of the settings must not come back for want of the newer ones.
    @Test func nothingIsSignedWithoutTheSealingKey() throws {
        let token = try place.sign(by: place.process())
        try place.rotate()
        let process = place.process(sealingKeys: try KeyRing(key: [UInt8](repeating: 2, count: 32)))
        #expect(throws: TokenKey.Unreadable.self) { try place.sign(by: process) }
        #expect(throws: TokenKey.Unreadable.self) {
            try process.verify(token, now: KeyPlace.now, on: place.connection)
        }
    }

    @Test func rowsDoNotStandForOneAnother() throws {
        try place.rotate()
        try place.rotate()
        try place.connection.execute("UPDATE token_keys SET secret = (SELECT secret FROM token_keys LIMIT 1)")
        #expect(throws: TokenKey.Unreadable.self) { try place.sign(by: place.process()) }
    }

    /// A session lives longer than an access token, and its refresh tokens as long as it.
    @Test func refreshTokensOutliveTheirKeys() throws {
        let session = KeyPlace.claims.session
        let seed = [UInt8](repeating: 7, count: 16)
        let token = try place.process().recent(now: KeyPlace.now, on: place.connection)
            .refreshToken(session: session, number: 0, seed: seed)
        for _ in 0..<3 { try place.rotate() }
        let later = try place.process().recent(now: KeyPlace.now, on: place.connection)
        #expect(later.isGenuine(token, seed: seed))
        #expect(!later.isGenuine(token, seed: seed + [0]))
    }
}
