import Crypto
import HTTP
import JSON
import Postgres
import SharedMemory
import Testing

@testable import App

/// A throttled login is refused before it costs a statement or a hash.
@Suite struct LoginLimitsTests {
    private static let userID = "00000000-0000-7000-8000-000000000001"

    private let limits: LoginLimits

    init() throws {
        limits = LoginLimits(throttle: LoginThrottle(in: try SharedMemory()), key: HMACSHA256(key: [1]))
    }

    /// Logs in over a connection to no server: a call that needs a statement is answered 503.
    private func login(_ name: String, from address: String) throws -> Int {
        var chosen = TestServices()
        chosen.loginLimits = limits
        let body: JSON = ["username": .string(name), "password": "lasting impression"]
        let request = Request(
            method: "POST", target: "/login", headers: ["content-type": "application/json"],
            remoteAddress: address)
        let application = Application(services: try chosen.make(), clock: { 1_700_000_000 })
        let connection = Connection(try PostgresConfiguration("host=/nonexistent"))
        let bytes = body.serialized()
        let reply = application.reply(
            to: request, readingBody: { policy throws(Rejection) in try policy.body(from: bytes) }, over: connection)
        return reply.initial.status.rawValue
    }

    /// Fails so often that the next attempt has to wait a minute.
    private func fail(_ subject: LoginLimits.Subject, named name: String, from address: String) throws {
        let attempt = try limits.attempt(subject, named: name, from: address)
        for _ in 0..<20 { attempt.ended(rightly: false) }
    }

    @Test func aThrottledNameIsNotLookedUp() throws {
        try fail(.account(id: Self.userID), named: "ann@example.org", from: "192.0.2.1")
        try fail(.unknown(name: "nobody"), named: "nobody", from: "192.0.2.2")
        #expect(try login("ann@example.org", from: "192.0.2.1") == 429)
        #expect(try login("ANN@example.org", from: "192.0.2.1") == 429)
        #expect(try login("nobody", from: "192.0.2.2") == 429)
        #expect(try login("ann@example.org", from: "192.0.2.3") == 503, "the same name from another address")
        #expect(try login("bob", from: "192.0.2.1") == 503, "another name is not throttled")
    }

    @Test func aThrottledAddressCausesNoLookup() throws {
        for number in 0..<2 { try fail(.unknown(name: "\(number)"), named: "\(number)", from: "2001:db8:1:2::1") }
        #expect(try login("ann", from: "2001:db8:1:2::9") == 429)
        #expect(try login("ann", from: "2001:db8:1:3::9") == 503)
    }

    @Test func failuresFromASharedAddressThrottleOnlyTheName() throws {
        for number in 0..<2 { try fail(.unknown(name: "\(number)"), named: "\(number)", from: "127.0.0.1") }
        #expect(try login("0", from: "127.0.0.1") == 429)
        #expect(try login("ann", from: "127.0.0.1") == 503)
    }

    @Test func theRightPasswordResetsTheThrottle() throws {
        let subject = LoginLimits.Subject.account(id: Self.userID)
        let attempt = try limits.attempt(subject, named: "ann", from: "192.0.2.1")
        for _ in 0..<10 { attempt.ended(rightly: false) }
        #expect(try login("ann", from: "192.0.2.1") == 429)
        attempt.ended(rightly: true)
        #expect(try login("ann", from: "192.0.2.1") == 503)
    }

    /// Under another name the account is known only after the lookup; its failures count from then on.
    @Test func failuresCountForAllNamesOfAnAccount() throws {
        let subject = LoginLimits.Subject.account(id: Self.userID)
        try fail(subject, named: "ann", from: "192.0.2.1")
        #expect(throws: Problem.self) { try limits.attempt(subject, named: "ann@example.org", from: "192.0.2.1") }
    }
}
