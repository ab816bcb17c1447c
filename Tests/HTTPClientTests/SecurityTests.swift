import Glibc
import HTTP
import HTTPClient
import Synchronization
import System
import class TestSupport.LoopbackListener
import Testing

/// TLS with `openssl s_server`, which has a self-signed certificate for 127.0.0.1.
@Suite(.timeLimit(.minutes(1))) struct SecurityTests {
    @Test func acceptsTheConfiguredAuthority() throws {
        let server = try SecureServer(response: "HTTP/1.1 200 OK\r\n\r\nhello")
        let response = try server.client().send(OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/response"))
        #expect(response.body == Array("hello".utf8))
    }

    @Test func refusesAnUnknownAuthority() throws {
        let server = try SecureServer()
        let (client, url) = (client(), "https://127.0.0.1:\(server.port)/response")
        #expect(throws: HTTPClientError.tls) { try client.send(OutgoingRequest(.get, url)) }
        let reason = try #require(client.lastTransfer.failure)
        #expect(reason.contains("self-signed") || reason.contains("self signed"))
    }

    @Test func acceptsAnyCertificateForADiagnosis() throws {
        let server = try SecureServer(response: "HTTP/1.1 200 OK\r\n\r\nhello")
        let request = OutgoingRequest(.get, "https://localhost:\(server.port)/response")
        let response = try client { $0.verifiesCertificates = false }.send(request)
        #expect(response.body == Array("hello".utf8))
    }

    @Test func refusesACertificateForAnotherName() throws {
        let server = try SecureServer()
        #expect(throws: HTTPClientError.tls) {
            try server.client().send(OutgoingRequest(.get, "https://localhost:\(server.port)/response"))
        }
    }

    @Test func aDriverRefusesTheSameCertificates() throws {
        let (unknown, other, old) = (try SecureServer(), try SecureServer(), try SecureServer(days: -1))
        let servers = [(unknown, "127.0.0.1", false), (other, "localhost", true), (old, "127.0.0.1", true)]
        for (server, host, isTrusted) in servers {
            let driver = try HTTPDriver(isTrusted ? server.settings : .ofTests)
            let answered = try WakeUp()
            let result = Mutex<Result<IncomingResponse, HTTPClientError>?>(nil)
            driver.send(OutgoingRequest(.get, "https://\(host):\(server.port)/response")) { answer, _ in
                result.withLock { $0 = answer }
                answered.signal()
            }
            answered.wait(until: .now + .seconds(20))
            #expect(throws: HTTPClientError.tls) { try result.withLock(\.self)?.get() }
        }
    }

    @Test func refusesOldVersionsOfTLS() throws {
        let server = try SecureServer(options: "-tls1_1 -cipher DEFAULT@SECLEVEL=0")
        #expect(throws: HTTPClientError.tls) {
            try server.client().send(OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/response"))
        }
    }

    @Test func refusesRedirectsToPlainHTTP() throws {
        let listener = try LoopbackListener()
        let server = try SecureServer(
            response: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:\(listener.port)/\r\nContent-Length: 0\r\n\r\n")
        #expect(throws: HTTPClientError.redirectRefused) {
            try server.client().send(OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/response"))
        }
        #expect(!listener.hasVisitor)
    }
}

/// Serves one connection; `/response` returns the given bytes.
@safe private final class SecureServer {
    struct Failure: Error {}

    let port: UInt16
    private let folder: String
    private let output: UnsafeMutablePointer<FILE>

    init(response: String = "", options: String = "", days: Int = 1) throws {
        var template = Array("/tmp/flow-manager-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure() }
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let file = unsafe fopen(folder + "/response", "w") else { throw Failure() }
        unsafe fputs(response, file)
        unsafe fclose(file)
        // The server ends after one connection or after the timeout.
        guard
            let output = unsafe popen(
                """
                cd \(folder) && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x \
                -addext subjectAltName=IP:127.0.0.1 -keyout key -out request 2>/dev/null && \
                openssl x509 -req -in request -signkey key -copy_extensions copy -days \(days) -out certificate \
                2>/dev/null && exec timeout 30 openssl s_server -accept 127.0.0.1:0 -naccept 1 -HTTP \
                -key key -cert certificate \(options) 2>/dev/null
                """, "r")
        else { throw Failure() }
        unsafe self.output = output
        self.folder = folder
        port = try unsafe Self.port(announcedIn: output)
    }

    deinit {
        unsafe pclose(output)
        for name in ["key", "request", "certificate", "response"] { unsafe unlink(folder + "/" + name) }
        unsafe rmdir(folder)
    }

    /// A client with the certificate of the server as its only authority.
    func client() -> HTTPClient { HTTPClient(settings) }

    var settings: HTTPClientSettings {
        var settings = HTTPClientSettings.ofTests
        settings.authorities = folder + "/certificate"
        return settings
    }

    /// Reads up to the line `ACCEPT 127.0.0.1:12345`.
    private static func port(announcedIn output: UnsafeMutablePointer<FILE>) throws -> UInt16 {
        var line = [CChar](repeating: 0, count: 200)
        while unsafe fgets(&line, Int32(line.count), output) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            guard text.hasPrefix("ACCEPT "), let colon = text.lastIndex(of: ":") else { continue }
            if let port = UInt16(text[colon...].dropFirst().prefix { $0.isNumber }) { return port }
        }
        throw Failure()
    }
}
