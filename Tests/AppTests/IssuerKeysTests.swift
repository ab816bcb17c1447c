import Crypto
import Dispatch
import HTTP
import HTTPClient
import JSON
import Synchronization
import TestSupport
import Testing
import Tokens

@testable import App

/// Fetching the keys of an issuer on loopback from many threads, with a clock that the test controls.
@Suite struct IssuerKeysTests {
    /// A clock that stands still until it is advanced and signals each time it is read.
    private final class Clock: Sendable {
        private let time = Mutex(ContinuousClock.now)
        let reads = DispatchSemaphore(value: 0)

        func read() -> ContinuousClock.Instant {
            reads.signal()
            return time.withLock { $0 }
        }

        func advance(_ seconds: Int) { time.withLock { $0 += .seconds(seconds) } }
    }

    private let clock = Clock()
    private let issuer: TestIssuer

    init() throws { issuer = try TestIssuer() }

    private func fetch(_ address: KeyAddress? = nil) throws -> KeyFetch {
        let allowed = try #require(AddressRange(parsing: issuer.address))
        return KeyFetch(address ?? .keySet(url: issuer.keysURL), allowing: [allowed])
    }

    private func keys(
        _ fetch: @escaping @Sendable () throws -> JSONWebKeySet,
        observe: @escaping @Sendable (any Error) -> Void = { _ in }
    ) -> IssuerKeys {
        IssuerKeys(fetch: fetch, clock: { [clock] in clock.read() }, observe: observe)
    }

    private func keys(_ fetch: KeyFetch) -> IssuerKeys { keys { try fetch.keys() } }

    private func expectUnavailable(
        _ keys: IssuerKeys, _ id: String, retryAfter: ClosedRange<Int> = 1...31,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let problem = #expect(throws: Problem.self, sourceLocation: sourceLocation) { try keys.key(named: id) }
        #expect(problem?.status == .unavailable, sourceLocation: sourceLocation)
        let seconds = (problem?.headers["Retry-After"]).flatMap { Int($0) }
        #expect(seconds.map(retryAfter.contains) == true, sourceLocation: sourceLocation)
    }

    @Test func followsTheRotationOfKeys() throws {
        let keys = keys(try fetch())
        let next = try SigningKey(.es256, id: "next")
        #expect(try keys.key(named: "first")?.id == "first")
        issuer.publish([issuer.key.jwk, next.jwk])
        #expect(try keys.key(named: "next") == nil)
        clock.advance(30)
        #expect(try keys.key(named: "next")?.algorithm == .es256)
        issuer.publish([next.jwk])
        #expect(try keys.key(named: "first") != nil)
        clock.advance(600)
        #expect(try keys.key(named: "first") == nil)
        #expect(try keys.key(named: "next") != nil)
        #expect(issuer.fetchCount == 3)
    }

    @Test func unknownKeysAreFetchedOncePerCooldown() throws {
        let keys = keys(try fetch())
        for round in 1...3 {
            DispatchQueue.concurrentPerform(iterations: 1_000) { number in
                do {
                    let key = try keys.key(named: "unknown \(number)")
                    #expect(key == nil)
                } catch {
                    Issue.record(error)
                }
            }
            #expect(issuer.fetchCount == round)
            clock.advance(30)
        }
    }

    @Test func concurrentCallersShareOneFetch() throws {
        let threads = 4
        let (fetch, reads) = (try fetch(), clock.reads)
        let keys = keys {
            // The thread that fetches reads the clock twice, each other thread once before it waits.
            for _ in 0...threads { reads.wait() }
            return try fetch.keys()
        }
        let found = Atomic(0)
        let group = DispatchGroup()
        for _ in 0..<threads {
            DispatchQueue(label: "caller").async(group: group) {
                if (try? keys.key(named: "first")) != nil { found.add(1, ordering: .relaxed) }
            }
        }
        group.wait()
        #expect(found.load(ordering: .relaxed) == threads)
        #expect(issuer.fetchCount == 1)
    }

    @Test func knownKeysAreUsedDuringAFetch() throws {
        let (fetch, began, mayEnd) = (try fetch(), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let keys = keys {
            began.signal()
            mayEnd.wait()
            return try fetch.keys()
        }
        mayEnd.signal()
        _ = try keys.key(named: "first")
        began.wait()
        clock.advance(600)
        let group = DispatchGroup()
        DispatchQueue(label: "caller").async(group: group) { _ = try? keys.key(named: "first") }
        began.wait()
        #expect(try keys.key(named: "first")?.id == "first")
        mayEnd.signal()
        group.wait()
        #expect(issuer.fetchCount == 2)
    }

    @Test func servesKnownKeysWhileTheIssuerIsDown() throws {
        let reports = DispatchSemaphore(value: 0)
        let fetch = try fetch()
        let keys = keys({ try fetch.keys() }, observe: { _ in reports.signal() })
        _ = try keys.key(named: "first")
        issuer.answerKeys(.last("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"))
        clock.advance(600)
        for _ in 1...100 {
            #expect(try keys.key(named: "first") != nil)
            expectUnavailable(keys, "next", retryAfter: 30...31)
        }
        #expect(issuer.fetchCount == 2)
        #expect(reports.wait(timeout: .now()) == .success)
        #expect(reports.wait(timeout: .now()) == .timedOut)
        clock.advance(24 * 3600)
        expectUnavailable(keys, "first")
        issuer.publish([issuer.key.jwk])
        expectUnavailable(keys, "first")
        clock.advance(30)
        #expect(try keys.key(named: "first") != nil)
    }

    @Test func findsTheKeysOfAnOpenIDProvider() throws {
        let discovery = KeyAddress.discovery(url: issuer.url + "/.well-known/openid-configuration", issuer: issuer.url)
        #expect(try fetch(discovery).keys()["first"] != nil)
        #expect(issuer.targets == ["/.well-known/openid-configuration", "/.well-known/jwks.json"])
        let others: [JSON] = [
            [:], [], ["jwks_uri": .string(issuer.keysURL)],
            ["issuer": .string(issuer.url + "/"), "jwks_uri": .string(issuer.keysURL)],
            ["issuer": "https://issuer.example", "jwks_uri": .string(issuer.keysURL)],
        ]
        for document in others {
            issuer.publishDiscovery(document)
            #expect(throws: KeyFetchError.otherIssuer, "\(document)") { try fetch(discovery).keys() }
        }
        let port = issuer.url.split(separator: ":").last ?? ""
        let addresses: [JSON] = [
            .null, 1, "", "/.well-known/jwks.json", "file:///etc/passwd", "http://127.0.0.1:1/keys",
            .string("http://127.0.0.2:\(port)/keys"), .string("http://localhost:\(port)/.well-known/jwks.json"),
        ]
        for address in addresses {
            issuer.publishDiscovery(["issuer": .string(issuer.url), "jwks_uri": address])
            #expect(throws: KeyFetchError.untrustworthyAddress, "\(address)") { try fetch(discovery).keys() }
        }
        // The address is acceptable, but the client refuses to connect to it.
        issuer.publishDiscovery(["issuer": .string(issuer.url), "jwks_uri": "https://127.0.0.1:1/keys"])
        #expect(throws: HTTPClientError.addressRefused) { try fetch(discovery).keys() }
        #expect(issuer.fetchCount == 1)
    }

    @Test func refusesResponsesThatAreNoKeySet() throws {
        let (jwk, other) = (issuer.key.jwk, try SigningKey(.edDSA, id: "first").jwk)
        let elsewhere = try LoopbackListener()
        let secret: JSON = ["kty": "oct", "kid": "secret", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"]
        func text(_ keys: [JSON]) -> String { JSON.object(JSONObject([.init(name: "keys", value: .array(keys))])).text }
        let answers: [LoopbackServer.Answer] = [
            .ok(""), .ok("<html></html>"), .ok("null"), .ok("[]"), .ok("{}"), .ok(#"{"keys":{}}"#),
            .ok(text([jwk, other])), .ok(text([jwk, secret])), .ok(text([jwk] + Array(repeating: .null, count: 100))),
            .ok(text([jwk]) + String(repeating: " ", count: KeyFetch.bodyLimit)),
            .redirect(to: issuer.url + "/other"), .redirect(301, to: "http://127.0.0.1:\(elsewhere.port)/"),
            .redirect(308, to: "file:///etc/passwd"), .last("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
            .last("HTTP/1.1 404 No\r\n\r\n" + text([jwk])), .last("HTTP/1.1 201 Made\r\n\r\n" + text([jwk])),
            .last("HTTP/1.1 500 No\r\n\r\n"), .last(""), .last("keys"),
        ]
        issuer.set(.ok(text([jwk])), at: "/other")
        for answer in answers {
            issuer.answerKeys(answer)
            #expect(throws: (any Error).self, "\(answer)") { try fetch().keys() }
        }
        #expect(issuer.fetchCount == answers.count)
        #expect(!issuer.targets.contains("/other"))
        #expect(!elsewhere.hasVisitor)
        issuer.publish([jwk])
        #expect(try fetch().keys().count == 1)
    }

    @Test func stopsAtItsDeadline() throws {
        issuer.answerKeys(.trickle("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
        let discovery = KeyAddress.discovery(url: issuer.url + "/.well-known/openid-configuration", issuer: issuer.url)
        let fetch = try fetch(discovery)
        let duration = ContinuousClock().measure {
            #expect(throws: HTTPClientError.timedOut) { try fetch.keys() }
        }
        #expect(duration < KeyFetch.deadline + .seconds(2))
    }
}
