import App
import Crypto
import HTTP
import System

/// Asks a site, and judges its answers.
struct Examination {
    var probe: Probe
    /// Whether calls that wait are tried, which takes a minute.
    var isSlow = false
    /// Whether the checks continue when the certificate is not trusted.
    var ignoresCertificate = false
    /// The port at which the site may answer without TLS; nil: the usual one, if the site is at the usual one.
    var plainPort: UInt16?
    /// Names of private files beside the usual ones.
    var privateFiles: [String] = []
    /// Gets each finding as soon as it is known.
    let report: (Finding) -> Void

    private var site: SiteURL { probe.site }

    func run() {
        var examination = self
        var health = probe.send("/health")
        var reach = Diagnosis.reach(health, at: site)
        if reach.check == "tls" {
            report(reach)
            guard ignoresCertificate else { return }
            examination.probe.verifiesCertificate = false
            health = examination.probe.send("/health")
            reach = Diagnosis.reach(health, at: site)
        } else if site.isSecure, health.status != nil {
            report(.ok("tls", "The certificate is trusted."))
        }
        report(reach)
        guard health.status != nil else { return }
        examination.examine(health, isReached: reach.verdict == .ok)
    }

    private func examine(_ health: SiteAnswer, isReached: Bool) {
        let first = probe.key != nil && isReached ? probe.ask() : nil
        let arrival = first?.arrival
        let diagnosis = Diagnosis(site: site, host: WebHost(server: health.headers["Server"], arrival))
        if let plain = site.plain(at: plainPort) {
            report(diagnosis.plainHTTP(probe.send("/health", at: plain)))
        }
        report(diagnosis.files(privateAnswers()))
        guard isReached else { return }
        if let first, let arrival {
            report(.ok("server", "The program runs behind \(diagnosis.host.rawValue)."))
            examineInside(diagnosis, first, arrival)
        } else {
            if let first { report(Diagnosis.refusedToken(first)) }
            examineOutside(diagnosis, health)
        }
    }

    private func privateAnswers() -> [(url: String, answer: SiteAnswer)] {
        var names = [
            ".env", "flow-manager.env", ".git/config", ".git/HEAD", ".htpasswd", "flow-manager.log", "access.log",
            "error.log", "error_log", "logs/flow-manager.log", "logs/error.log",
        ]
        names += privateFiles.filter { !names.contains($0) }
        return [site.text, site.root].compactMap(\.self).flatMap { base in
            names.map { ("\(base)/\($0)", probe.send("/\($0)", at: base)) }
        }
    }
}

/// What can be seen without a report of the program.
extension Examination {
    private func examineOutside(_ diagnosis: Diagnosis, _ health: SiteAnswer) {
        if let date = health.headers["Date"].flatMap({ HTTPDate.seconds($0) }) {
            report(
                Diagnosis.clock(
                    "The clocks of this machine and the web server", ahead: date - WallClock.seconds))
        }
        diagnosis.readiness(probe.send("/ready")).forEach(report)
        report(
            diagnosis.authorization(probe.send("/me", headers: ["Authorization": "Bearer doctor"]), code: nil))
        report(diagnosis.methods(Method.allCases.map { ($0, probe.send($0, "/health")) }, withReports: false))
        // Spaces are no JSON, which the program says if it has read them all.
        let json: Headers = ["Content-Type": "application/json"]
        report(
            diagnosis.bodies(
                answersToBodies {
                    probe.send(.post, "/login", headers: json, body: [UInt8](repeating: 32, count: $0))
                } arrived: {
                    $0.code == ProblemCode.invalidJSON.rawValue
                }, digest: nil))
        func spaces(_ count: Int) -> [UInt8] { [UInt8](repeating: 32, count: count) }
        report(
            diagnosis.largeBody(
                .answer { probe.send(.post, "/login", headers: json, body: spaces(BodyPolicy.memoryLimit + 1)) },
                chunked: .answer {
                    probe.send(.post, "/login", headers: json, body: spaces(Self.largeLength), inChunks: true)
                }))
        if let finding = diagnosis.withoutTLS { report(finding) } else { report(Self.unseen("https")) }
        for check in ["client", "gate", "buffering", "streaming", "path"] { report(Self.unseen(check)) }
    }

    private static func unseen(_ check: String) -> Finding { .skipped(check, "Only a report of the program shows it.") }

    /// Of a body that no web server of the samples accepts.
    fileprivate static let largeLength = 3 * BodyPolicy.memoryLimit

    /// The answers to ever shorter bodies, until one arrives.
    private func answersToBodies(
        _ send: (Int) -> SiteAnswer, arrived: (SiteAnswer) -> Bool
    ) -> [(length: Int, answer: SiteAnswer)] {
        var answers: [(length: Int, answer: SiteAnswer)] = []
        for length in [BodyPolicy.memoryLimit, 512 << 10, 128 << 10, 64 << 10, 16 << 10] {
            let answer = SiteAnswer.answer { send(length) }
            answers.append((length, answer))
            if arrived(answer) { break }
        }
        return answers
    }
}

/// What the program reports.
extension Examination {
    /// An address for documentation (RFC 5737), which no client has.
    private static let forgedAddress = "203.0.113.195"

    private func examineInside(_ diagnosis: Diagnosis, _ first: SiteAnswer, _ arrival: Arrival) {
        report(
            Diagnosis.clock("The clocks of this machine and the program", ahead: arrival.time - WallClock.seconds))
        diagnosis.database(arrival).forEach(report)
        report(diagnosis.memory(arrival))
        report(diagnosis.gate(arrival))
        if let key = probe.key {
            let value = "Bearer \(SecureRandom.token(bytes: 24))"
            report(
                diagnosis.authorization(
                    probe.ask(headers: ["Authorization": value]), code: Doctor.code(of: value, key: key)))
        }
        report(diagnosis.methods(Method.allCases.map { ($0, probe.ask($0)) }, withReports: true))
        let suffix = "/a%20b/%C3%A4?q=%2F%20x"
        let target = probe.ask(suffix: suffix)
        report(
            target.arrival.map { diagnosis.target($0, sent: "\(site.basePath)/\(Doctor.route)\(suffix)") }
                ?? .failure("path", "A path with encoded characters does not reach the program: \(target.summary)."))
        examineForgery(diagnosis, first, arrival)
        examineBodies(diagnosis)
        // As browsers do, so that compression shows, which would collect events.
        let stream = probe.ask(headers: ["Accept": "text/event-stream", "Accept-Encoding": "gzip"])
        report(diagnosis.streaming(stream, hasStreams: arrival.hasStreams))
        guard isSlow else { return }
        let seconds = arrival.isCGI ? 15 : Doctor.longestWait
        report(
            diagnosis.wait(
                probe.ask(headers: ["Prefer": "wait=\(seconds)"], timeout: .seconds(seconds + 15)), seconds: seconds))
    }

    private func examineForgery(_ diagnosis: Diagnosis, _ first: SiteAnswer, _ arrival: Arrival) {
        let address = Self.forgedAddress
        let answer = probe.ask(headers: [
            "X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": "for=\(address)",
            "X-Forwarded-Proto": site.isSecure ? "http" : "https",
        ])
        guard let forged = answer.arrival else {
            report(.warning("client", "A call with X-Forwarded-For does not reach the program: \(answer.summary)."))
            return
        }
        report(diagnosis.https(arrival, forged: forged))
        report(diagnosis.client(arrival, forged: forged, address: address, first.transfer))
    }

    private func examineBodies(_ diagnosis: Diagnosis) {
        func body(_ length: Int) -> [UInt8] { (0..<length).map { UInt8(truncatingIfNeeded: $0 % 251) } }
        report(
            diagnosis.bodies(
                answersToBodies {
                    probe.ask(.post, body: body($0))
                } arrived: {
                    $0.arrival != nil
                },
                digest: { Hexadecimal.encode(Digest.sha256(body($0))) }))
        report(
            diagnosis.largeBody(
                .answer { probe.ask(.post, body: body(BodyPolicy.memoryLimit + 1)) },
                chunked: .answer { probe.ask(.post, body: body(Self.largeLength), inChunks: true) }))
        let slow = probe.ask(.post, body: body(64 << 10), speed: 32 << 10)
        report(diagnosis.buffering(slow, sendTime: slow.duration))
    }
}
