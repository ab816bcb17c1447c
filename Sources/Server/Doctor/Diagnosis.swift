import App
import HTTP
import HTTPClient
import JSON
import System

/// Judges what a site has answered. Pure: from what was seen to findings.
struct Diagnosis: Sendable {
    let site: SiteURL
    let host: WebHost

    /// Whether the program answers at all, by `/health`.
    static func reach(_ answer: SiteAnswer, at site: SiteURL) -> Finding {
        let check = "reach"
        switch answer.result {
        case .response(200, let headers, _) where answer.json["status"] == "ok":
            let server = headers["Server"].map { " behind \($0)" } ?? ""
            return .ok(check, "The program answers\(server).")
        case .failure(.tls, let reason):
            return .failure(
                "tls",
                "No secure connection: \(reason.isEmpty ? "the certificate is not trusted" : reason). Install a "
                    + "certificate of a public authority with its intermediate ones, for example by certbot; "
                    + "--ca FILE trusts one of your own, --insecure continues without the check.")
        case .response(let status, _, _) where [502, 503, 504].contains(status):
            return .failure(
                check,
                "\(answer.summary): the web server reaches no responder. Either none runs (flow-manager status), or "
                    + "the web server may not open its socket, or it does not send the value of FLOW_GATE: then the "
                    + "log of the program has gate-refused.",
                WebHost(server: answer.headers["Server"], nil).linesForGate)
        case .response(let status, let headers, _) where (300..<400).contains(status):
            return .failure(
                check, "\(site.text)/health redirects to \(headers["Location"] ?? "another address"): pass that URL.")
        case .failure(let error, _) where error != .tooLarge:
            return .failure(check, "\(site.text) does not answer: \(answer.summary).")
        default:
            return .failure(
                check,
                "\(site.text)/health does not come from the program: \(answer.summary). The path in the "
                    + "URL is wrong, or BASE_PATH is another one, or the web server does not forward this path to "
                    + "the program.")
        }
    }

    /// Whether plain HTTP leads to TLS.
    func plainHTTP(_ answer: SiteAnswer) -> Finding {
        let check = "plain-http"
        switch answer.result {
        case .response(let status, let headers, _) where (300..<400).contains(status):
            let target = headers["Location"] ?? ""
            guard target.lowercased().hasPrefix("https://") else {
                return .failure(check, "Plain HTTP is redirected to \(target), not to https.", host.linesForRedirect)
            }
            return .ok(check, "Plain HTTP is redirected to https.")
        case .response(200, _, _):
            return .warning(
                check, "The site also answers without TLS, where tokens can be read on the way.",
                host.linesForRedirect)
        case .response: return .ok(check, "Plain HTTP is refused: \(answer.summary).")
        case .failure: return .ok(check, "Plain HTTP is not served: \(answer.summary).")
        }
    }

    /// Whether a path is private: no server may answer it with 200.
    func files(_ answers: [(url: String, answer: SiteAnswer)]) -> Finding {
        let check = "files"
        let served = answers.filter { _, answer in
            if case .failure(.tooLarge, _) = answer.result { return true }
            return answer.status.map { (200..<300).contains($0) } ?? false
        }
        guard served.isEmpty else {
            return .failure(
                check,
                "Served to everyone: \(served.map(\.url).joined(separator: ", ")). Move these files out of the "
                    + "document root, and replace the secrets in them.", host.linesForFiles)
        }
        let unknown = answers.filter { $0.answer.status == nil }
        guard unknown.isEmpty else {
            return .warning(check, "No answer for \(unknown.map(\.url).joined(separator: ", ")).")
        }
        return .ok(check, "None of \(answers.count) private paths, such as \(answers.first?.url ?? ""), is served.")
    }

    /// Whether two clocks agree. Sessions and codes of authenticator apps depend on it.
    ///
    /// - Parameter ahead: by how many seconds the first is ahead.
    static func clock(_ names: String, ahead: Int64) -> Finding {
        let check = "clock"
        switch abs(ahead) {
        case ...5: return .ok(check, "\(names) agree.")
        case ...30: return .warning(check, "\(names) differ by \(abs(ahead)) s. \(Self.clockRemedy)")
        default: return .failure(check, "\(names) differ by \(abs(ahead)) s. \(Self.clockRemedy)")
        }
    }

    private static let clockRemedy = "Synchronize them (timedatectl set-ntp true)."

    /// Whether the database answers and is migrated, by `/ready`.
    func readiness(_ answer: SiteAnswer) -> [Finding] {
        switch (answer.status, answer.code) {
        case (200, _): [.ok("database", "The database answers, and its schema is up to date.")]
        case (_, ProblemCode.migrationsPending.rawValue?):
            [.failure("migrations", "Migrations are missing: run flow-manager migrate.")]
        case (_, ProblemCode.databaseUnavailable.rawValue?):
            [.failure("database", "The program does not reach the database: its log has the reason; see DATABASE_URL.")]
        default: [.failure("database", "/ready does not answer: \(answer.summary).")]
        }
    }
}
