package import HTTP
package import Postgres

/// Tells the edge to delay the answer of a call until a run ends. The edge parks the exchange, so that it occupies no
/// thread.
package struct Wait: Sendable {
    package let executionID: String
    package let limit: Duration
    /// Returns the answer, when the run has ended or the limit has passed.
    package let answer: @Sendable (Connection) -> Response
}

/// Holds the wait that the handler of one call requests.
final class Deferral {
    struct Wait {
        let executionID: String
        let seconds: Int
        let answer: @Sendable (Connection) throws -> Response
    }

    var wait: Wait?
    /// The seconds of the caller's `Prefer: wait` that were granted (RFC 7240, section 3); nil without a preference.
    var granted: Int?
}

extension Context {
    /// In seconds: less than the minute after which web servers time out.
    static let longestWait = 50

    /// Delays the answer until a run ends, for at most the seconds that the caller prefers (`Prefer: wait=20`, RFC
    /// 7240, section 4.3) or else the default. `answer` is called when the run has ended or the time has passed.
    func wait(
        for executionID: String, standard: Int, answer: @escaping @Sendable (Connection) throws -> Response
    ) {
        let preferred = preferredWait.map { min($0, Context.longestWait) }
        deferral?.granted = preferred
        let seconds = preferred ?? standard
        guard seconds > 0 else { return }
        deferral?.wait = Deferral.Wait(executionID: executionID, seconds: seconds, answer: answer)
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
