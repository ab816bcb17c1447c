package import Crypto
import HTTP
package import SharedMemory

/// The limits that slow down the guessing of passwords; all processes of the pool count together.
package struct LoginLimits: Sendable {
    private let throttle: LoginThrottle
    /// Turns names and addresses into numbers that a caller cannot choose and that reveal nothing.
    private let key: HMACSHA256

    package init(throttle: LoginThrottle, key: HMACSHA256) {
        self.throttle = throttle
        self.key = key
    }

    /// Throws 429 for a login by a name or from an address that has to wait, before anything is looked up. It claims no
    /// turn: `attempt` does, when the lookup has found whose secret is tried.
    func check(_ name: String, from address: String?) throws {
        let network = Network(of: address ?? "")
        // What stands for everybody is slowed by the account, which is not known yet.
        let wait = throttle.delay(
            forAddress: network.isEverybody ? nil : number("address\0\(network.text)"),
            nameFromAddress: number(of: name, from: network), at: Uptime.seconds)
        if wait > 0 { throw LoginLimits.exceeded(wait) }
    }

    /// One try of the secret of an account, or of a name that has no account: both are slowed alike. Throws 429 when it
    /// comes too soon after failed tries, before the secret is hashed.
    ///
    /// - Parameters:
    ///   - name: the account's, as the caller gave it; nil where the caller gave none.
    ///   - address: nil where all addresses count as one.
    func attempt(_ subject: Subject, named name: String? = nil, from address: String?) throws -> Attempt {
        let (account, network) = (subject.name, Network(of: address ?? ""))
        // What stands for everybody must not make everybody wait: it counts by account alone.
        let place = network.isEverybody ? "\(network.text)\0\(account)" : network.text
        let attempt = Attempt(
            throttle: throttle,
            keys: LoginThrottle.Keys(
                account: number("account\0\(account)"), address: number("address\0\(place)"),
                accountFromAddress: number("both\0\(network.text)\0\(account)"),
                nameFromAddress: name.map { number(of: $0, from: network) }))
        let wait = throttle.admit(attempt.keys, at: Uptime.seconds)
        if wait > 0 { throw LoginLimits.exceeded(wait) }
        return attempt
    }

    private static func exceeded(_ wait: UInt64) -> Problem {
        slowest.exceeded(.loginThrottled, wait: Int(wait))
    }

    /// The rate after many failures; the first waits are shorter.
    private static let slowest = RateLimit(name: "logins", calls: 1, seconds: 60)

    /// Whose secret is tried. An account counts as one under all of its names, and no name can be mistaken for one.
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

    private func number(of name: String, from network: Network) -> UInt64 {
        number("name\0\(network.text)\0\(name.lowercased())")
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
