import App
import HTTP
import HTTPClient
import JSON
import System
import Testing

@testable import flow_manager

/// What the doctor concludes of bodies, waits, and how the program sees the connection.
@Suite struct DiagnosisOfBodiesTests {
    private static let mebibyte = 1 << 20
    private let site: SiteURL

    init() throws { site = try #require(SiteURL("https://example.org/flow")) }

    private func diagnosis(_ host: WebHost = .nginx) -> Diagnosis { Diagnosis(site: site, host: host) }
    private func arrival(_ members: [String: JSON] = [:]) throws -> Arrival { try DiagnosisTests.arrival(members) }
    private func answer(_ members: [String: JSON] = [:], after duration: Duration = .zero) throws -> SiteAnswer {
        SiteAnswer(
            .response(status: 200, headers: [:], body: try arrival(members).json.serialized()), duration: duration)
    }

    private func body(_ length: Int) throws -> (length: Int, answer: SiteAnswer) {
        (length, try answer(["body_length": .integer(Int64(length)), "body_digest": "d"]))
    }

    @Test func aBodyMustArriveWhole() throws {
        let whole = try diagnosis().bodies([body(Self.mebibyte)], digest: { _ in "d" })
        #expect(whole.verdict == .ok)
        #expect(try diagnosis().bodies([body(Self.mebibyte)], digest: { _ in "e" }).verdict == .failure)
        #expect(try diagnosis().bodies([(Self.mebibyte, body(5).answer)], digest: { _ in "d" }).verdict == .failure)
        let refused = try diagnosis().bodies(
            [(Self.mebibyte, SiteAnswer(413)), body(64 << 10)], digest: { _ in "d" })
        #expect(refused.verdict == .failure && refused.text.contains("64 KiB"))
        #expect(refused.lines == ["client_max_body_size \(Routes.maximumBodyLength);"])
        let outside = diagnosis().bodies([(5, SiteAnswer(400, ["code": "invalid_json"]))], digest: nil)
        #expect(outside.verdict == .ok)
    }

    @Test(arguments: [(WebHost.fcgid, true), (.apache, true), (.apacheCGI, true), (.nginx, false)])
    func theDefaultOfFcgidIsRecognized(host: WebHost, isRecognized: Bool) throws {
        let finding = try diagnosis(host).bodies(
            [(Self.mebibyte, SiteAnswer(413)), (512 << 10, SiteAnswer(500)), body(128 << 10)], digest: { _ in "d" })
        #expect(finding.text.contains("mod_fcgid's default") == isRecognized)
    }

    @Test func aLongerBodyMustBeRefused() {
        #expect(diagnosis().largeBody(SiteAnswer(413)).verdict == .ok)
        #expect(diagnosis().largeBody(SiteAnswer(500)).verdict == .warning)
    }

    @Test(arguments: [(0, 2_000, Finding.Verdict.ok), (1_500, 2_000, .warning), (0, 10, .skipped)])
    func aSlowBodyMustNotOccupyAThread(wait: Int64, sending: Int64, verdict: Finding.Verdict) throws {
        let finding = diagnosis().buffering(
            try answer(["body_milliseconds": .integer(wait)]), sendTime: .milliseconds(sending))
        #expect(finding.verdict == verdict)
        let alone = diagnosis().buffering(
            try answer(["body_milliseconds": .integer(wait), "interface": "cgi"]), sendTime: .milliseconds(sending))
        #expect(alone.verdict == (verdict == .skipped ? .skipped : .ok))
    }

    @Test func aWaitMustNotBeCut() throws {
        let cut = SiteAnswer(.response(status: 504, headers: [:], body: []), duration: .seconds(30))
        #expect(diagnosis().wait(cut, seconds: 50).text.contains("cut after 30 s"))
        #expect(diagnosis().wait(cut, seconds: 50).lines == ["fastcgi_read_timeout 60s;"])
        #expect(diagnosis().wait(try answer(after: .seconds(50)), seconds: 50).verdict == .ok)
        #expect(diagnosis().wait(try answer(after: .seconds(2)), seconds: 50).verdict == .warning)
    }

    @Test func theFlagOfTLSMustBeRightAndNotForgeable() throws {
        let (yes, no) = (try arrival(), try arrival(["https": false]))
        #expect(diagnosis().https(yes, forged: yes).verdict == .ok)
        #expect(diagnosis().https(yes, forged: no).verdict == .failure)
        #expect(diagnosis().https(no, forged: no).verdict == .failure)
        let plain = Diagnosis(site: try #require(SiteURL("http://example.org")), host: .nginx)
        #expect(plain.https(no, forged: no).verdict == .ok)
        #expect(plain.https(no, forged: yes).verdict == .failure)
        #expect(plain.https(yes, forged: yes).verdict == .failure)
    }

    @Test(arguments: [
        ("198.51.100.7", "203.0.113.195", "8.8.8.8", Finding.Verdict.failure),
        ("", "", "8.8.8.8", .failure), ("unix:", "unix:", "8.8.8.8", .failure),
        // A proxy in front: its private address instead of the client's.
        ("10.0.0.1", "10.0.0.1", "8.8.8.8", .warning), ("9.9.9.9", "9.9.9.9", "8.8.8.8", .ok),
        ("10.0.0.1", "10.0.0.1", "10.0.0.9", .ok), ("127.0.0.1", "127.0.0.1", "127.0.0.1", .ok),
    ])
    func theAddressMustBeTheClients(
        client: String, forged: String, server: String, verdict: Finding.Verdict
    ) throws {
        let finding = diagnosis().client(
            try arrival(["client": .string(client)]), forged: try arrival(["client": .string(forged)]),
            address: "203.0.113.195", .init(serverAddress: server, clientAddress: "127.0.0.1"))
        #expect(finding.verdict == verdict)
    }

    @Test func theGateProvesTheWebServer() throws {
        #expect(diagnosis().gate(try arrival()).verdict == .ok)
        let open = diagnosis().gate(try arrival(["gate": false]))
        #expect(open.verdict == .warning && !open.lines.isEmpty)
        #expect(diagnosis().gate(try arrival(["gate": false, "interface": "cgi"])).verdict == .ok)
        #expect(diagnosis(.fcgid).gate(try arrival(["gate": false])).verdict == .ok)
        #expect(diagnosis(.proxyFCGI).gate(try arrival(["gate": false])).verdict == .warning)
    }

    @Test func thePathMustArriveAsItWasSent() throws {
        func verdict(_ target: String) throws -> Finding.Verdict {
            diagnosis().target(try arrival(["target": .string(target)]), sent: "/flow/a%20b?c")
                .verdict
        }
        #expect(try verdict("/flow/a%20b?c") == .ok)
        #expect(try verdict("/a%20b?c") == .warning)
        #expect(try verdict("/flow/a b?c") == .failure)
    }

    @Test func theWebServerIsRecognized() throws {
        #expect(WebHost(server: "nginx/1.22.1", nil) == .nginx)
        #expect(WebHost(server: "cloudflare", try arrival(["web_server": "lighttpd"])) == .lighttpd)
        #expect(WebHost(server: "Apache/2.4", nil) == .apache)
        #expect(WebHost(server: nil, try arrival(["web_server": .null])) == .unknown)
        let apache: [String: JSON] = ["web_server": "Apache"]
        #expect(WebHost(server: nil, try arrival(apache)) == .proxyFCGI)
        #expect(WebHost(server: nil, try arrival(apache.merging(["supervised": false]) { $1 })) == .fcgid)
        #expect(WebHost(server: nil, try arrival(apache.merging(["interface": "cgi"]) { $1 })) == .apacheCGI)
    }

    @Test func othersMustNotUseTheSettingsFile() {
        let own = FileAccess(owner: 7, mode: 0o600)
        let folder = FileAccess(owner: 0, mode: 0o755)
        func verdict(_ file: FileAccess?, _ folder: FileAccess?) -> Finding.Verdict {
            SettingsFileCheck.judge("/etc/f/env", file: file, folder: folder, user: 7).verdict
        }
        #expect(verdict(own, folder) == .ok)
        #expect(verdict(FileAccess(owner: 0, mode: 0o600), folder) == .ok)
        #expect(verdict(FileAccess(owner: 8, mode: 0o600), folder) == .warning)
        #expect(verdict(FileAccess(owner: 7, mode: 0o640), folder) == .failure)
        #expect(verdict(own, FileAccess(owner: 0, mode: 0o777)) == .failure)
        #expect(verdict(own, FileAccess(owner: 0, mode: 0o1777)) == .ok)
        #expect(verdict(own, FileAccess(owner: 8, mode: 0o755)) == .failure)
        #expect(verdict(nil, nil) == .warning)
        #expect(SettingsFileCheck.judge(nil).verdict == .ok)
        #expect(SettingsFileCheck.folder(of: "/a") == "/" && SettingsFileCheck.folder(of: "a") == ".")
    }

    @Test(
        arguments: [
            ("https://example.org", "https://example.org", "", "http://example.org"),
            ("HTTPS://example.org:443/flow/", "https://example.org:443/flow", "/flow", "http://example.org/flow"),
            ("https://[::1]:8443/", "https://[::1]:8443", "", nil), ("http://a:80", "http://a:80", "", nil),
        ] as [(String, String, String, String?)])
    func addressesOfSitesAreRead(text: String, normal: String, base: String, plain: String?) throws {
        let site = try #require(SiteURL(text))
        #expect(site.text == normal && site.basePath == base && site.plain(at: nil) == plain)
    }

    @Test(arguments: ["", "example.org", "ftp://a", "https://", "https://a?b", "https://a#b", "https://u@a"])
    func otherAddressesAreRefused(text: String) {
        #expect(SiteURL(text) == nil)
    }

    @Test func aFindingIsALineWithTheLinesToPasteBelow() {
        let finding = Finding.failure("body", "Too long.", ["a b;"])
        #expect(finding.report == "FAIL  body           Too long.\n          a b;")
        #expect(finding.json["verdict"] == "fail" && finding.json["lines"] == ["a b;"])
    }
}
