import FastCGI
import Glibc
import HTTP
import System
import TestSupport
import Testing

@Suite struct TCPTests {
    @Test(arguments: ["127.0.0.1:9000", "[::1]:9000", "0.0.0.0:1", "[fd00::1]:65535"])
    func addressesAreRead(text: String) {
        guard case .tcp = ListeningAddress(parsing: text) else {
            Issue.record("\(text) is not read")
            return
        }
    }

    @Test(arguments: [
        "", "9000", ":9000", "localhost:9000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+9",
        "::1:9000",
        "[::1]", "[127.0.0.1]:9000", "127.1:9000", "flow-manager.sock",
    ])
    func otherTextsAreRefused(text: String) {
        #expect(ListeningAddress(parsing: text) == nil)
    }

    @Test func aPathHasASlash() {
        #expect(ListeningAddress(parsing: "./a:9000") == .unix(path: "./a:9000"))
    }

    @Test func callsAreAnsweredOverTCP() throws {
        let running = try RunningTCPPool(settings: .gated)
        let client = try FastCGIClient(port: running.port)
        for _ in 0..<2 { #expect(try client.exchange(RunningPool.params()).status == 200) }
    }

    @Test func onlyAllowedAddressesMayConnect() throws {
        let refusing = try RunningTCPPool(settings: .gated.with { $0.allowsClient = { $0 != "127.0.0.1" } })
        #expect(try FastCGIClient(port: refusing.port).isClosed())
        #expect(refusing.events.saw(.clientRefused(address: "127.0.0.1")))
    }

    @Test func anAddressInUseIsRefused() throws {
        let running = try RunningTCPPool(settings: .gated)
        let address = try #require(ListeningAddress(parsing: "127.0.0.1:\(running.port)"))
        #expect(throws: FastCGIError.system(call: "bind", code: EADDRINUSE)) { try Listener.bind(to: address) }
    }

    /// systemd passes the socket as descriptor 3, and says for which process it is (sd_listen_fds(3)).
    @Test(arguments: [[:], ["LISTEN_FDS": "1"], ["LISTEN_FDS": "1", "LISTEN_PID": "1"], ["LISTEN_FDS": "0"]])
    func socketsOfOtherProcessesAreLeftAlone(environment: [String: String]) throws {
        #expect(try Listener.inherited(environment) == nil)
    }
}

/// A pool that listens on TCP, and the events that it reports.
private final class RunningTCPPool {
    let port: UInt16
    let events = EventRecorder()
    private let listener: Listener
    private let pool: ResponderPool

    init(settings: FastCGISettings) throws {
        let (port, listener) = try Self.bind()
        (self.port, self.listener) = (port, listener)
        pool = try ResponderPool(
            listener: listener, threads: 1, settings: settings, observe: events.record,
            makeHandler: { { request, read in .response(Response(status: .ok)) } })
        try pool.start()
    }

    /// Ports are tried at random, because the pool has no way to let the kernel choose one.
    private static func bind() throws -> (UInt16, Listener) {
        for _ in 0..<100 {
            let port = UInt16.random(in: 20_000..<30_000)
            guard let address = ListeningAddress(parsing: "127.0.0.1:\(port)"),
                let listener = try? Listener.bind(to: address)
            else { continue }
            return (port, listener)
        }
        throw TestFailure("no free port")
    }

    deinit {
        pool.drain { _ in false }
        close(listener.descriptor)
    }
}
