package import Crypto
import HTTP
package import SharedMemory

/// What slows whoever guesses passwords; counted by all processes of the pool together.
package struct LoginLimits: Sendable {
    private let throttle: LoginThrottle
    /// Makes names and addresses into numbers that nobody can choose and that tell nothing.
    private let key: HMACSHA256

    package init(throttle: LoginThrottle, key: HMACSHA256) {
        self.throttle = throttle
        self.key = key
    }

    /// One try of the secret of an account, or of a name that nobody has: both are slowed alike. Throws 429 when it
    /// comes too soon after failed ones, before the secret has cost anything.
    ///
    /// - Parameter address: nil where all addresses count as one.
    func attempt(_ subject: Subject, from address: String?) throws -> Attempt {
        let (name, network) = (subject.name, Network(of: address ?? ""))
        // What stands for everybody must not make everybody wait: it counts by name alone.
        let place = network.isEverybody ? "\(network.text)\0\(name)" : network.text
        let attempt = Attempt(
            throttle: throttle,
            keys: LoginThrottle.Keys(
                account: number("account\0\(name)"), address: number("address\0\(place)"),
                accountFromAddress: number("both\0\(network.text)\0\(name)")))
        let wait = throttle.admit(attempt.keys, at: Uptime.seconds)
        guard wait == 0 else {
            throw LoginLimits.slowest.exceeded(.loginThrottled, wait: Int(wait))
        }
        return attempt
    }

    /// What is left to whoever has failed often; before that the waits are shorter.
    private static let slowest = RateLimit(name: "logins", calls: 1, seconds: 60)

    /// Whose secret is tried. An account is one however it is named, and no name can pass for one.
    enum Subject {
        case account(id: String)
        case unknown(name: String)
        case secondFactor(userID: String)

        fileprivate var name: String {
            switch self {
            case .account(let id): "account \(id)"
            case .unknown(let name): "name \(name.lowercased())"
            case .secondFactor(let userID): "second factor \(userID)"
            }
        }
    }

    private func number(_ text: String) -> UInt64 {
        key.code(for: text.utf8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension LoginLimits {
    /// To be told how it ended, unless the server was too busy to find out.
    struct Attempt {
        fileprivate let throttle: LoginThrottle
        fileprivate let keys: LoginThrottle.Keys

        func ended(rightly isRight: Bool) {
            if isRight {
                throttle.forgetFailures(keys)
            } else {
                throttle.countFailure(keys, at: Uptime.seconds)
            }
        }
    }
}
