import Synchronization
import System
import TestSupport
import Testing

@testable import HTTPClient

/// How calls behave while Secrets Manager is in trouble.
@Suite(.timeLimit(.minutes(1))) struct AWSSecretsTests {
    private static func error(_ status: Int, _ type: String) -> LoopbackServer.Answer {
        let body = "{\"__type\":\"\(type)\"}"
        return .bytes("HTTP/1.1 \(status) No\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private final class Clock: Sendable {
        let seconds = Atomic<Int64>(1_796_025_600)
        func advance(_ count: Int64) { seconds.add(count, ordering: .relaxed) }
    }

    private func secrets(at url: String, _ clock: Clock) -> AWSSecrets {
        var keys = AWSKeySettings()
        (keys.accessKeyID, keys.secretAccessKey) = ("AKIDEXAMPLE", "secret")
        return AWSSecrets(url: url, region: "eu-central-1", keys: AWSKeyChain(keys)) {
            clock.seconds.load(ordering: .relaxed)
        }
    }

    /// One call in five seconds tries it; after a success, all do.
    @Test func troubleMakesCallsFailAtOnce() throws {
        let isWell = Atomic<Bool>(false)
        let server = try LoopbackServer { _ in
            isWell.load(ordering: .relaxed) ? .ok(#"{"SecretString":"s"}"#) : Self.error(503, "InternalServiceError")
        }
        let clock = Clock()
        let secrets = secrets(at: server.url, clock)
        func call() throws { #expect(try secrets.value(of: "a") == "s") }

        #expect(throws: AWSError("Secrets Manager answers 503 InternalServiceError")) { try call() }
        for _ in 0..<3 { #expect(throws: AWSError.self) { try call() } }
        #expect(server.requests.count == 1)
        clock.advance(5)
        for _ in 0..<3 { #expect(throws: AWSError.self) { try call() } }
        #expect(server.requests.count == 2)
        isWell.store(true, ordering: .relaxed)
        clock.advance(5)
        for _ in 0..<3 { try call() }
        #expect(server.requests.count == 5)
    }

    /// What AWS refuses for one secret says nothing about the others.
    @Test func aRefusalConcernsOneCall() throws {
        let server = try LoopbackServer { _ in Self.error(400, "AccessDeniedException") }
        let secrets = secrets(at: server.url, Clock())
        let refusal = AWSError("Secrets Manager answers 400 AccessDeniedException", isTrouble: false)
        for _ in 0..<3 { #expect(throws: refusal) { try secrets.value(of: "a") } }
        #expect(server.requests.count == 3)
    }
}
