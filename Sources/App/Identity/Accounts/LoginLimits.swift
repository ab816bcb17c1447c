package import Crypto
import HTTP
package import SharedMemory
import System

/// The limits that slow down password guessing. All processes of the pool share the counts.
package struct LoginLimits: Sendable {
    private let throttle: LoginThrottle
    /// Maps names and addresses to numbers that a caller can neither choose nor invert.
    private let key: HMACSHA256
    /// Returns seconds of a clock that is never set back, the same in all processes.
    private let clock: @Sendable () -> UInt64

    package init(
        throttle: LoginThrottle, key: HMACSHA256,
        clock: @escaping @Sendable () -> UInt64 = { Monotonic.now.seconds }
    ) {
        self.throttle = throttle
        self.key = key
        self.clock = clock
    }

    /// Throws 429 for a login by a name or from an address that must wait, before the account is looked up. It does not
    /// count as an attempt: `attempt` counts when the account is known.
    func check(_ name: String, from address: String?) throws {
        let network = Network(of: address ?? "")
        // An unknown or local address may stand for all clients. It is limited by account only, which is not known yet.
        let wait = throttle.delay(
            forAddress: network.isShared ? nil : number("address\0\(network.text)"),
            nameFromAddress: number(of: name, from: network), at: clock())
        if wait > 0 { throw LoginLimits.exceeded(wait) }
    }

    /// Begins an attempt at the secret of an account, or of a name without an account: both are limited alike. Throws
    /// 429 when it follows failed attempts too soon, before the secret is hashed.
    ///
    /// - Parameters:
    ///   - name: the account's name as the caller sent it; nil if the caller sent none.
    ///   - address: nil if all addresses count together.
    func attempt(_ subject: Subject, named name: String? = nil, from address: String?) throws -> Attempt {
        let (account, network) = (subject.name, Network(of: address ?? ""))
        // An unknown or local address may stand for all clients, which must not block each other: it counts per
        // account.
        let sender = network.isShared ? "\(network.text)\0\(account)" : network.text
        let attempt = Attempt(
            throttle: throttle, clock: clock,
            keys: LoginThrottle.Keys(
                account: number("account\0\(account)"), address: number("address\0\(sender)"),
                accountFromAddress: number("both\0\(network.text)\0\(account)"),
                nameFromAddress: name.map { number(of: $0, from: network) }))
        let wait = throttle.admit(attempt.keys, at: clock())
        if wait > 0 { throw LoginLimits.exceeded(wait) }
        return attempt
    }

    private static func exceeded(_ wait: UInt64) -> Problem {
        slowest.exceeded(.loginThrottled, wait: Int(wait))
    }

    /// The limit after many failures; the first delays are shorter.
    private static let slowest = RateLimit(name: "logins", calls: 1, seconds: 60)

    /// The owner of the secret. An account counts as one under all of its names. The prefixes distinguish the three
    /// cases.
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
    /// An attempt in progress. The caller reports how it ended, unless the server was too busy to check the secret.
    struct Attempt {
        fileprivate let throttle: LoginThrottle
        fileprivate let clock: @Sendable () -> UInt64
        fileprivate let keys: LoginThrottle.Keys

        func ended(rightly isCorrect: Bool) {
            if isCorrect {
                throttle.clearFailures(keys)
            } else {
                throttle.countFailure(keys, at: clock())
            }
        }
    }
}
