import HTTP

/// The maximum number of calls that a user or a network address may make in a window of time, with the texts of its
/// headers (draft-ietf-httpapi-ratelimit-headers). A class, because every counted call refers to one.
final class RateLimit: Sendable {
    let name: String
    let calls: Int
    /// The length of the window.
    let seconds: Int
    /// The value of `RateLimit-Policy`.
    let policy: String
    /// The bytes of `RateLimit` before its numbers.
    private let stateStart: [UInt8]

    init(name: String, calls: Int, seconds: Int) {
        self.name = name
        self.calls = calls
        self.seconds = seconds
        policy = "\"\(name)\";q=\(calls);w=\(seconds)"
        stateStart = Array("\"\(name)\";r=".utf8)
    }

    /// The value of `RateLimit`, written without the machinery of string interpolation: every counted call has it.
    func state(remaining: Int, reset: Int) -> String {
        var bytes = stateStart
        bytes.reserveCapacity(stateStart.count + 24)
        Self.append(remaining, to: &bytes)
        bytes += [UInt8(ascii: ";"), UInt8(ascii: "t"), UInt8(ascii: "=")]
        Self.append(reset, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the decimal digits of a number that is not negative.
    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    /// 429 with the seconds to wait.
    func exceeded(_ code: ProblemCode, wait: Int) -> Problem {
        let wait = max(wait, 1)
        return Problem(
            code,
            headers: [
                "Retry-After": String(wait), "RateLimit-Policy": policy,
                "RateLimit": state(remaining: 0, reset: wait),
            ])
    }
}

extension RateLimit {
    /// The user or network of the calls that are counted.
    enum Subject {
        case user(String)
        case network(Network)
        /// The id of a hook.
        case hook(String)

        /// The id or the address: no text is that of two subjects.
        var text: String {
            switch self {
            case .user(let id): id
            case .network(let network): network.text
            case .hook(let id): "hook \(id)"
            }
        }
    }

    /// What one call has got of a limit.
    struct State: Sendable {
        let limit: RateLimit
        let isAdmitted: Bool
        /// How many calls may follow at once.
        let remaining: Int
        /// Seconds until the next call may follow if none is left, or else until all may.
        let reset: Int

        /// Throws 429 for a call that exceeds the limit.
        func check() throws {
            guard isAdmitted else { throw limit.exceeded(.rateLimited, wait: reset) }
        }

        /// Adds the headers, unless the response has those of another limit, which has refused the call.
        func add(to headers: inout Headers) {
            guard headers["RateLimit"] == nil else { return }
            headers.append(name: "RateLimit-Policy", value: limit.policy)
            headers.append(name: "RateLimit", value: limit.state(remaining: remaining, reset: reset))
        }
    }
}
