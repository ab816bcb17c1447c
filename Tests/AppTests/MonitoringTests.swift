import HTTP
import HTTPClient
import JSON
import TestSupport
import Testing

@testable import App

/// Who may read the metrics.
@Suite struct MonitoringTests {
    private static let token = String(repeating: "t0ken-", count: 6)
    private let application: TestApplication

    init() throws {
        let allowed = ["127.0.0.0/8", "::1", "10.1.0.0/16"].compactMap { AddressRange(parsing: $0) }
        application = try TestApplication {
            $0.monitoringAccess = MonitoringAccess(allowing: allowed, token: Array(Self.token.utf8))
        }
    }

    private func status(
        _ target: String = "/metrics", from address: String = "127.0.0.1", with headers: [(String, String)] = []
    ) -> Int {
        var fields = Headers()
        for (name, value) in headers { fields.append(name: name, value: value) }
        let request = Request(method: "GET", target: target, headers: fields, remoteAddress: address)
        return application.reply(to: request).initial.status.rawValue
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "10.1.255.255", "::ffff:127.0.0.1"])
    func allowedAddressesMayRead(address: String) {
        #expect(status(from: address) == 200)
    }

    @Test(arguments: ["10.2.0.1", "192.0.2.1", "::2", "", "unix:", "localhost", "127.0.0.1, 10.1.0.1"])
    func othersFindNothing(address: String) {
        #expect(status(from: address) == 404)
        #expect(status("/metrics/", from: address) == 404)
        #expect(status("/metrics?x", from: address) == 404)
    }

    /// Behind a proxy on the same machine every client has a local address.
    @Test(arguments: [
        "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-anything",
        "x-real-ip",
    ])
    func forwardedRequestsNeedTheToken(name: String) {
        #expect(status(with: [(name, "192.0.2.1")]) == 404)
        #expect(status(with: [(name.uppercased(), "")]) == 404)
        #expect(status("/metrics/", with: [(name, "192.0.2.1")]) == 404)
        #expect(status(with: [(name, "192.0.2.1"), ("authorization", "Bearer \(Self.token)")]) == 200)
    }

    @Test func theTokenIsSufficient() {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            #expect(status(from: "192.0.2.1", with: [("authorization", "\(scheme) \(Self.token)")]) == 200)
        }
    }

    @Test(arguments: ["", "x", String(repeating: "t0ken-", count: 5), String(repeating: "t0ken-", count: 7)])
    func otherTokensAreNot(token: String) {
        #expect(status(from: "192.0.2.1", with: [("authorization", "Bearer \(token)")]) == 404)
    }

    /// A wrong token is refused even at an allowed address, so that a mistake shows.
    @Test func aWrongTokenIsRefusedEverywhere() {
        #expect(status(with: [("authorization", "Bearer wrong")]) == 404)
        #expect(status(with: [("authorization", "Basic eDp5")]) == 200)
    }

    @Test func withoutATokenNoneIsAccepted() throws {
        let application = try TestApplication()
        let request = Request(
            method: "GET", target: "/metrics", headers: ["authorization": "Bearer "], remoteAddress: "127.0.0.1")
        #expect(application.reply(to: request).initial.status == .notFound)
    }
}
