import Crypto

/// What is known of an issuer's keys, and when to ask for them again: decides, and does nothing itself.
///
/// Whatever tokens come, the issuer is asked at most once in `cooldown`. While it cannot be asked, the keys of the last
/// answer go on to serve, up to `longestUse`; about a key that is not among them nothing can be said then.
struct KeyCache {
    /// How long an answer holds. A key that the issuer withdraws opens no door after that.
    static let lifetime = Duration.seconds(10 * 60)
    /// How long an answer serves while there is no newer one to be had.
    static let longestUse = Duration.seconds(24 * 3600)
    /// From the beginning of one attempt to that of the next.
    static let cooldown = Duration.seconds(30)

    /// What a look for a key came to.
    enum Finding {
        case key(PublicKey)
        /// Good enough to go on with, but it is time to ask the issuer again.
        case oldKey(PublicKey)
        /// The issuer has no such key.
        case none
        /// The issuer must be asked, or is being asked.
        case askIssuer
        /// The issuer could not be asked, and is not to be asked again before that time is over.
        case unavailable(retryAfter: Duration)
    }

    private enum Attempt {
        case underWay
        case succeeded
        case failed
    }

    private var keys: JSONWebKeySet?
    /// When the keys were asked for.
    private var keysTime: ContinuousClock.Instant?
    private var attempt: (began: ContinuousClock.Instant, outcome: Attempt)?
    /// Whether the last attempt that has come to an end came to nothing.
    private var isFailing = false

    /// The key of that name.
    func find(_ id: String, at now: ContinuousClock.Instant) -> Finding {
        let age = keysTime.map { now - $0 } ?? KeyCache.longestUse
        if age < KeyCache.longestUse, let key = keys?[id] {
            return age >= KeyCache.lifetime && mayAsk(at: now) ? .oldKey(key) : .key(key)
        }
        guard let attempt, !mayAsk(at: now) else { return .askIssuer }
        switch attempt.outcome {
        case .succeeded: return .none
        // Nobody waits for an issuer that did not answer the last time: its silence would hold every thread.
        case .underWay where !isFailing: return .askIssuer
        case .underWay, .failed: return .unavailable(retryAfter: attempt.began + KeyCache.cooldown - now)
        }
    }

    /// Claims the next attempt; false while another one is under way or was made a moment ago.
    mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        guard mayAsk(at: now) else { return false }
        attempt = (now, .underWay)
        return true
    }

    /// Ends the attempt that has been claimed; nil is for one that came to nothing.
    mutating func end(with answer: JSONWebKeySet?) {
        guard let began = attempt?.began else { return }
        attempt = (began, answer == nil ? .failed : .succeeded)
        isFailing = answer == nil
        guard let answer else { return }
        keys = answer
        keysTime = began
    }

    private func mayAsk(at now: ContinuousClock.Instant) -> Bool {
        guard let attempt else { return true }
        return attempt.outcome != .underWay && now - attempt.began >= KeyCache.cooldown
    }
}
