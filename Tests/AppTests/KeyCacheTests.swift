import Crypto
import JSON
import TestSupport
import Testing
import Tokens

@testable import App

/// When an issuer is asked for its keys, and what is said of a key meanwhile.
@Suite struct KeyCacheTests {
    private let start = ContinuousClock.now
    private var cache = KeyCache()
    private static let published = Result { try SigningKey(.edDSA, id: "known").jwk }

    private func set(_ ids: String...) throws -> JSONWebKeySet {
        let jwk = try Self.published.get()
        return try JSONWebKeySet([
            "keys": .array(
                ids.map { id in
                    var key = jwk.objectValue ?? JSONObject()
                    key["kid"] = .string(id)
                    return .object(key)
                })
        ])
    }

    /// What is found so many seconds after the start, in a word.
    private func finding(_ id: String, at seconds: Int) -> String {
        switch cache.find(id, at: start + .seconds(seconds)) {
        case .key(let key): key.id ?? ""
        case .oldKey(let key): "old \(key.id ?? "")"
        case .none: "none"
        case .fetchFromIssuer: "ask"
        case .unavailable(let time): "unavailable \(time.components.seconds)"
        }
    }

    private mutating func ask(at seconds: Int, answer: JSONWebKeySet?) {
        expectBegin(at: seconds)
        cache.end(with: answer)
    }

    private mutating func expectBegin(
        _ isClaimed: Bool = true, at seconds: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let claim = cache.begin(at: start + .seconds(seconds))
        #expect(claim == isClaimed, sourceLocation: sourceLocation)
    }

    @Test mutating func asksBeforeItKnowsAnything() throws {
        #expect(finding("known", at: 0) == "ask")
        ask(at: 0, answer: try set("known"))
        #expect(finding("known", at: 0) == "known")
    }

    @Test mutating func oneAttemptAtATime() throws {
        expectBegin(at: 0)
        expectBegin(false, at: 0)
        // Even if it should take longer than it may.
        expectBegin(false, at: 100)
        #expect(finding("known", at: 0) == "ask")
        cache.end(with: try set("known"))
        expectBegin(false, at: 29)
        expectBegin(at: 30)
    }

    @Test mutating func asksForUnknownKeysOnceInACooldown() throws {
        ask(at: 0, answer: try set("known"))
        #expect(finding("other", at: 29) == "none")
        #expect(finding("other", at: 30) == "ask")
        ask(at: 30, answer: try set("known", "other"))
        #expect(finding("other", at: 31) == "other")
        #expect(finding("third", at: 59) == "none")
        #expect(finding("third", at: 60) == "ask")
    }

    @Test mutating func asksAgainAfterTenMinutes() throws {
        ask(at: 0, answer: try set("known", "withdrawn"))
        #expect(finding("withdrawn", at: 599) == "withdrawn")
        #expect(finding("withdrawn", at: 600) == "old withdrawn")
        expectBegin(at: 600)
        // While one asks, the others go on.
        #expect(finding("withdrawn", at: 601) == "withdrawn")
        cache.end(with: try set("known"))
        #expect(finding("withdrawn", at: 601) == "none")
        #expect(finding("known", at: 1_199) == "known")
    }

    @Test mutating func failedAttemptsCount() {
        ask(at: 0, answer: nil)
        #expect(finding("known", at: 0) == "unavailable 30")
        #expect(finding("known", at: 20) == "unavailable 10")
        expectBegin(false, at: 29)
        #expect(finding("known", at: 30) == "ask")
    }

    @Test mutating func oldKeysServeForADay() throws {
        let day = 24 * 3600
        ask(at: 0, answer: try set("known"))
        for seconds in stride(from: 600, to: day, by: 600) {
            #expect(finding("known", at: seconds) == "old known")
            ask(at: seconds, answer: nil)
            #expect(finding("known", at: seconds + 1) == "known")
            #expect(finding("other", at: seconds + 1) == "unavailable 29")
        }
        #expect(finding("known", at: day - 1) == "old known")
        #expect(finding("known", at: day) == "ask")
        ask(at: day, answer: nil)
        #expect(finding("known", at: day) == "unavailable 30")
        ask(at: day + 30, answer: try set("known"))
        #expect(finding("known", at: day + 31) == "known")
    }

    /// Whoever finds an attempt under way waits for it, unless the one before came to nothing.
    @Test mutating func nobodyWaitsForASilentIssuer() throws {
        ask(at: 0, answer: nil)
        expectBegin(at: 30)
        #expect(finding("known", at: 32) == "unavailable 28")
        cache.end(with: try set("known"))
        #expect(finding("known", at: 32) == "known")
        expectBegin(at: 60)
        #expect(finding("other", at: 61) == "ask")
    }

    @Test mutating func anIssuerMayWithdrawAllKeys() throws {
        ask(at: 0, answer: try set("known"))
        ask(at: 600, answer: try set())
        #expect(finding("known", at: 600) == "none")
    }
}
