import Crypto
import Tokens

/// The cached keys of an issuer, and the decision when to fetch them again. It does no I/O.
///
/// The keys are fetched at most once per `cooldown`, whatever tokens arrive. While the issuer does not answer, the last
/// keys stay in use up to `maximumAge`; a key that is not among them is then neither accepted nor refused.
struct KeyCache {
    /// How long an answer is fresh. A key that the issuer has withdrawn is refused after that.
    static let lifetime = Duration.seconds(10 * 60)
    /// How long an answer is used while no newer one can be fetched.
    static let maximumAge = Duration.seconds(24 * 3600)
    /// The minimum time from the start of one attempt to the start of the next.
    static let cooldown = Duration.seconds(30)

    /// The result of a lookup.
    enum Finding {
        case key(PublicKey)
        /// Still usable, but the keys have to be fetched again.
        case oldKey(PublicKey)
        /// The issuer has no such key.
        case none
        /// The keys must be fetched, or are being fetched.
        case fetchFromIssuer
        /// The keys could not be fetched, and will not be requested again before that time.
        case unavailable(retryAfter: Duration)
    }

    private enum Attempt {
        case underWay
        case succeeded
        case failed
    }

    private var keys: JSONWebKeySet?
    /// When the cached keys were requested.
    private var keysTime: ContinuousClock.Instant?
    private var attempt: (began: ContinuousClock.Instant, outcome: Attempt)?
    /// Whether the last finished attempt failed.
    private var isFailing = false

    /// The key of that name.
    func find(_ id: String, at now: ContinuousClock.Instant) -> Finding {
        let age = keysTime.map { now - $0 } ?? KeyCache.maximumAge
        if age < KeyCache.maximumAge, let key = keys?[id] {
            return age >= KeyCache.lifetime && mayFetch(at: now) ? .oldKey(key) : .key(key)
        }
        guard let attempt, !mayFetch(at: now) else { return .fetchFromIssuer }
        switch attempt.outcome {
        case .succeeded: return .none
        // No thread waits for an issuer after a failed attempt: such waits could block every thread.
        case .underWay where !isFailing: return .fetchFromIssuer
        case .underWay, .failed: return .unavailable(retryAfter: attempt.began + KeyCache.cooldown - now)
        }
    }

    /// Claims the next attempt; false while another attempt is active or the cooldown has not passed.
    mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        guard mayFetch(at: now) else { return false }
        attempt = (now, .underWay)
        return true
    }

    /// Ends the claimed attempt; a nil answer means that it failed.
    mutating func end(with answer: JSONWebKeySet?) {
        guard let began = attempt?.began else { return }
        attempt = (began, answer == nil ? .failed : .succeeded)
        isFailing = answer == nil
        guard let answer else { return }
        keys = answer
        keysTime = began
    }

    private func mayFetch(at now: ContinuousClock.Instant) -> Bool {
        guard let attempt else { return true }
        return attempt.outcome != .underWay && now - attempt.began >= KeyCache.cooldown
    }
}
