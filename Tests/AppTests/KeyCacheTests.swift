import Crypto
import JSON
import TestSupport
import Testing
import Tokens

@testable import App

/// When the keys of an issuer are fetched, and what a lookup returns in the meantime.
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

    /// The result of a lookup this many seconds after the start, as text.
    private func finding(_ id: String, at seconds: Int) -> String {
        switch cache.find(id, at: start + .seconds(seconds)) {
        case .key(let key): key.id ?? ""
        case .oldKey(let key): "old \(key.id ?? "")"
        case .none: "none"
        case .fetchFromIssuer: "fetch"
        case .unavailable(let time): "unavailable \(time.components.seconds)"
        }
    }

    private mutating func fetch(at seconds: Int, answer: JSONWebKeySet?) {
        expectBegin(at: seconds)
        cache.end(with: answer)
    }

    private mutating func expectBegin(
        _ isClaimed: Bool = true, at seconds: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let claim = cache.begin(at: start + .seconds(seconds))
        #expect(claim == isClaimed, sourceLocation: sourceLocation)
    }

    @Test mutating func fetchesWhenEmpty() throws {
        #expect(finding("known", at: 0) == "fetch")
        fetch(at: 0, answer: try set("known"))
        #expect(finding("known", at: 0) == "known")
    }

    @Test mutating func allowsOneFetchAtATime() throws {
        expectBegin(at: 0)
        expectBegin(false, at: 0)
        // Even if the fetch exceeds its time limit.
        expectBegin(false, at: 100)
        #expect(finding("known", at: 0) == "fetch")
        cache.end(with: try set("known"))
        expectBegin(false, at: 29)
        expectBegin(at: 30)
    }

    @Test mutating func fetchesUnknownKeysOncePerCooldown() throws {
        fetch(at: 0, answer: try set("known"))
        #expect(finding("other", at: 29) == "none")
        #expect(finding("other", at: 30) == "fetch")
        fetch(at: 30, answer: try set("known", "other"))
        #expect(finding("other", at: 31) == "other")
        #expect(finding("third", at: 59) == "none")
        #expect(finding("third", at: 60) == "fetch")
    }

    @Test mutating func fetchesAgainAfterTenMinutes() throws {
        fetch(at: 0, answer: try set("known", "withdrawn"))
        #expect(finding("withdrawn", at: 599) == "withdrawn")
        #expect(finding("withdrawn", at: 600) == "old withdrawn")
        expectBegin(at: 600)
        // During the fetch, other callers use the old key.
        #expect(finding("withdrawn", at: 601) == "withdrawn")
        cache.end(with: try set("known"))
        #expect(finding("withdrawn", at: 601) == "none")
        #expect(finding("known", at: 1_199) == "known")
    }

    @Test mutating func failedFetchesStartTheCooldown() {
        fetch(at: 0, answer: nil)
        #expect(finding("known", at: 0) == "unavailable 30")
        #expect(finding("known", at: 20) == "unavailable 10")
        expectBegin(false, at: 29)
        #expect(finding("known", at: 30) == "fetch")
    }

    @Test mutating func oldKeysAreUsedForADay() throws {
        let day = 24 * 3600
        fetch(at: 0, answer: try set("known"))
        for seconds in stride(from: 600, to: day, by: 600) {
            #expect(finding("known", at: seconds) == "old known")
            fetch(at: seconds, answer: nil)
            #expect(finding("known", at: seconds + 1) == "known")
            #expect(finding("other", at: seconds + 1) == "unavailable 29")
        }
        #expect(finding("known", at: day - 1) == "old known")
        #expect(finding("known", at: day) == "fetch")
        fetch(at: day, answer: nil)
        #expect(finding("known", at: day) == "unavailable 30")
        fetch(at: day + 30, answer: try set("known"))
        #expect(finding("known", at: day + 31) == "known")
    }

    /// Callers wait for a fetch that is under way, unless the previous one failed.
    @Test mutating func callersDoNotWaitForAnIssuerThatFailed() throws {
        fetch(at: 0, answer: nil)
        expectBegin(at: 30)
        #expect(finding("known", at: 32) == "unavailable 28")
        cache.end(with: try set("known"))
        #expect(finding("known", at: 32) == "known")
        expectBegin(at: 60)
        #expect(finding("other", at: 61) == "fetch")
    }

    @Test mutating func acceptsAnEmptyKeySet() throws {
        fetch(at: 0, answer: try set("known"))
        fetch(at: 600, answer: try set())
        #expect(finding("known", at: 600) == "none")
    }
}
