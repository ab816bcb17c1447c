import App
import HTTP
import HTTPClient
import JSON
import System
import TestSupport
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

    /// As lighttpd closes a TLS connection, some answers are missed.
    @Test func aMissedAnswerIsAskedForAgain() {
        var missed = 0
        let broken = SiteAnswer(.failure(.interrupted, reason: "Send failure: Broken pipe"))
        func answer(_ last: SiteAnswer) -> SiteAnswer {
            SiteAnswer.answer {
                missed += 1
                return missed < 5 ? broken : last
            }
        }
        #expect(answer(SiteAnswer(413)).status == 413 && missed == 5)
        missed = 0
        #expect(answer(broken).status == nil && missed == 5)
        missed = 4
        #expect(answer(SiteAnswer(.failure(.timedOut, reason: ""))).summary == "no answer in time" && missed == 5)
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
        func finding(_ status: Int, chunked: Int) -> Finding {
            diagnosis().largeBody(SiteAnswer(status), chunked: SiteAnswer(chunked))
        }
        #expect(finding(413, chunked: 413).verdict == .ok && finding(413, chunked: 411).verdict == .ok)
        #expect(finding(500, chunked: 413).verdict == .warning)
        let chunked = finding(413, chunked: 503)
        #expect(chunked.verdict == .warning && chunked.text.contains("in chunks") && chunked.text.contains("503"))
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

    /// No setting changes it, so it is not a warning that stays. The line is that of the sample.
    @Test func whatApacheCannotBufferIsSaidWithTheLineOfTheSample() throws {
        let finding = diagnosis(.proxyFCGI).buffering(
            try answer(["body_milliseconds": 1_500, "web_server": "Apache"]), sendTime: .seconds(2))
        #expect(finding.verdict == .info)
        let sample = try sourceText("deploy/apache/flow-manager.conf")
        let line = try #require(finding.lines.last)
        #expect(line.hasPrefix("RequestReadTimeout ") && sample.contains("    \(line)\n"))
    }

    @Test(arguments: [
        (3, 2_003, "nginx", Finding.Verdict.ok), (2_001, 2_003, "nginx", .warning), (2_001, 2_003, "Caddy", .warning),
    ])
    func eventsMustNotBeCollected(first: Int64, end: Int64, server: String, verdict: Finding.Verdict) throws {
        var transfer = TransferDetails()
        transfer.firstByteTime = .milliseconds(first)
        let stream = SiteAnswer(
            .response(status: 200, headers: ["Content-Type": "text/event-stream; charset=utf-8"], body: []),
            duration: .milliseconds(end), transfer: transfer)
        let host = WebHost(server: server, nil)
        let finding = diagnosis(host).streaming(stream, hasStreams: true)
        #expect(finding.verdict == verdict && finding.lines == (verdict == .ok ? [] : host.linesForStreams))
    }

    @Test func processesOfTheWebServerNeedNoStreams() throws {
        let page = try answer()
        #expect(diagnosis(.fcgid).streaming(page, hasStreams: false).verdict == .info)
        #expect(diagnosis().streaming(page, hasStreams: true).verdict == .failure)
        #expect(diagnosis().streaming(page, hasStreams: nil).verdict == .skipped)
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
        #expect(plain.https(no, forged: no).verdict == .warning)
        #expect(plain.https(no, forged: yes).verdict == .failure)
        #expect(plain.https(yes, forged: yes).verdict == .failure)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", true), ("http://localhost/flow", true), ("http://[::1]:80", true),
        ("http://app.localhost", true), ("http://127.example.org", false), ("http://10.0.0.1", false),
        ("http://localhost.example.org", false), ("http://[2001:db8::1]", false),
    ])
    func onlyThisMachineNeedsNoTLS(url: String, isLocal: Bool) throws {
        let site = try #require(SiteURL(url))
        #expect(site.isLocal == isLocal)
        #expect((Diagnosis(site: site, host: .nginx).withoutTLS == nil) == isLocal)
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
        #expect(
            SettingsFileCheck.judge("/f/env", file: own, folder: FileAccess(owner: 8, mode: 0o2750), user: 7).lines
                == ["chown 7 /f"])
        // As root, on what deploy/install and `make run` leave: settings of the service's user.
        for folder in [FileAccess(owner: 0, mode: 0o755), FileAccess(owner: 999, mode: 0o2750)] {
            let finding = SettingsFileCheck.judge(
                "/etc/f/env", file: FileAccess(owner: 999, mode: 0o600), folder: folder, user: 0)
            #expect(finding.verdict == .ok && finding.text.contains("Only user 999"))
        }
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

    /// What a site answers must not control the terminal of the operator.
    @Test(arguments: ["\u{1b}[2J", "\r\n", "\u{9b}31m", "\u{202e}", "\u{7f}", "\u{2028}"])
    func textsOfASiteCannotControlATerminal(text: String) throws {
        let answer = SiteAnswer(200, ["status": "ok"], headers: ["Server": "a\(text)b"])
        let redirect = SiteAnswer(301, headers: ["Location": "a\(text)b"])
        for finding in [
            Diagnosis.reach(answer, at: site), Diagnosis.reach(redirect, at: site), diagnosis().plainHTTP(redirect),
        ] {
            let shown = finding.report + finding.json.text
            let isShown = shown.unicodeScalars.contains { text.unicodeScalars.first == $0 }
            #expect(!isShown, "\(shown)")
            #expect(finding.report.contains("a\\u{"))
        }
        #expect(Finding.ok("a", String(repeating: "b", count: 9_000)).text.count == 4_000)
    }

    @Test func aFindingIsALineWithTheLinesToPasteBelow() {
        let finding = Finding.failure("body", "Too long.", ["a b;"])
        #expect(finding.report == "FAIL  body           Too long.\n          a b;")
        #expect(finding.json["verdict"] == "fail" && finding.json["lines"] == ["a b;"])
    }
}
