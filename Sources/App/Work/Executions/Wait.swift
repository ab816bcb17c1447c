import HTTP
import Postgres

extension Context {
    /// In seconds: less than the minute after which web servers time out.
    static let maximumWait = 50

    /// Delays the response until a run ends, for at most the seconds that the caller prefers (`Prefer: wait=20`, RFC
    /// 7240, section 4.3) or else the default.
    ///
    /// - Parameters:
    ///   - fallback: the response if the call cannot wait.
    ///   - response: called when the run has ended or the time has passed.
    func reply(
        whenEnded executionID: String, defaultSeconds: Int, fallback: Response,
        response: @escaping @Sendable (Connection) throws -> Response
    ) -> Reply {
        let granted = preferredWait.map { min($0, Context.maximumWait) }
        let fallback = fallback.applying(wait: granted)
        let seconds = granted ?? defaultSeconds
        guard seconds > 0 else { return .response(fallback) }
        let call = call
        return .wait(for: caller?.id, fallback: fallback) { pending in
            let wait = CompletionWait(executionID: executionID, timeout: .seconds(seconds)) { connection in
                call.response { try response(connection).applying(wait: granted) }
            }
            do {
                try call.services.watchCompletion(wait, pending)
            } catch {
                pending.send(call.response { fallback })
            }
        }
    }

    /// Nil also for a preference that is not valid.
    private var preferredWait: Int? {
        request.headers["prefer"]?.split(separator: ",").lazy.compactMap { preference -> Int? in
            let words = preference.split { $0 == " " || $0 == "\t" }
            guard words.count == 1, words[0].lowercased().hasPrefix("wait=") else { return nil }
            return Int(words[0].dropFirst("wait=".count)).flatMap { $0 < 0 ? nil : $0 }
        }.first
    }
}

extension Response {
    /// The preference that was granted, in seconds (RFC 7240, section 3).
    static let preferenceApplied = "Preference-Applied"

    fileprivate func applying(wait seconds: Int?) -> Response {
        var response = self
        if let seconds { response.headers.append(name: Self.preferenceApplied, value: "wait=\(seconds)") }
        return response
    }
}
