package import HTTP
package import Postgres

/// That a call is to be answered when a run is over: for whoever can wait without a thread.
package struct Wait: Sendable {
    package let executionID: String
    package let limit: Duration
    /// The answer, when the run is over or the limit has come.
    package let answer: @Sendable (Connection) -> Response
}

/// Where the handler of one call leaves what its answer waits for.
final class Deferral {
    struct Wait {
        let executionID: String
        let seconds: Int
        let answer: @Sendable (Connection) throws -> Response
    }

    var wait: Wait?
    /// The seconds of the caller's own preference that were granted (RFC 7240, section 3); nil without one.
    var granted: Int?
}

extension Context {
    /// In seconds: under the minute after which web servers give up.
    static let longestWait = 50

    /// Lets the answer wait for the end of a run as long as the caller prefers (`Prefer: wait=20`, RFC 7240, section
    /// 4.3), else for the standard time; `answer` is then asked for it, in time or not.
    func wait(
        for executionID: String, standard: Int, answer: @escaping @Sendable (Connection) throws -> Response
    ) {
        let preferred = preferredWait.map { min($0, Context.longestWait) }
        deferral?.granted = preferred
        let seconds = preferred ?? standard
        guard seconds > 0 else { return }
        deferral?.wait = Deferral.Wait(executionID: executionID, seconds: seconds, answer: answer)
    }

    /// Nil also for a preference that cannot be read.
    private var preferredWait: Int? {
        request.headers["prefer"]?.split(separator: ",").lazy.compactMap { preference -> Int? in
            let words = preference.split { $0 == " " || $0 == "\t" }
            guard words.count == 1, words[0].lowercased().hasPrefix("wait=") else { return nil }
            return Int(words[0].dropFirst("wait=".count)).flatMap { $0 < 0 ? nil : $0 }
        }.first
    }
}
