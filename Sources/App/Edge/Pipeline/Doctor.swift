package import Crypto
import HTTP
import Tokens

/// Answers `flow-manager doctor`, which asks the deployed site what of its calls reaches the program.
///
/// The route is in no list of endpoints: without a valid token, an answer is that of an unknown route. A token is made
/// with the site's settings, and works once.
package struct Doctor: Sendable {
    /// How this process was started.
    package struct Process: Sendable {
        /// Whether it answers one request, in plain CGI.
        package var isCGI: Bool
        /// Whether `flow-manager serve` has started it.
        package var isSupervised: Bool
        /// Whether it counts calls and used tokens together with other processes.
        package var sharesMemory: Bool

        package init(isCGI: Bool = false, isSupervised: Bool = false, sharesMemory: Bool = true) {
            self.isCGI = isCGI
            self.isSupervised = isSupervised
            self.sharesMemory = sharesMemory
        }
    }

    /// The route, with any segments below it.
    package static let route = "doctor"
    /// The header of a call with its token, and of the answer with the method that arrived.
    package static let header = "Flow-Doctor"
    /// The maximum of the seconds that a call may ask to wait for its answer (`Prefer: wait`).
    package static let longestWait = 50

    /// Before each event of a stream that a call asks for.
    static let streamPauses: [Duration] = [.milliseconds(300), .seconds(1)]

    let key: HMACSHA256
    let process: Process
    private let spend: @Sendable (UInt64) -> Bool

    /// - Parameters:
    ///   - key: a key of this purpose alone, derived from the settings.
    ///   - spend: marks the token with that id as used; false if it was used before.
    package init(key: HMACSHA256, process: Process, spend: @escaping @Sendable (UInt64) -> Bool) {
        self.key = key
        self.process = process
        self.spend = spend
    }

    /// Whether the request is one of `flow-manager doctor` for this site. Its token is used by that.
    ///
    /// - Parameter now: in seconds since 1970.
    func admits(_ request: Request, at path: Path, now: Int64) -> Bool {
        guard path.segments.first == Self.route, request.headers.count(of: Self.header) == 1,
            let token = request.headers[Self.header], let id = DoctorToken.id(of: token, now: now, key: key)
        else { return false }
        return spend(id)
    }
}
