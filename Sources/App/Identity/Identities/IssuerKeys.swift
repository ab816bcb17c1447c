import Crypto
import HTTP
import Synchronization
package import Tokens

/// The keys of one token issuer, shared by all threads of a process and fetched when they are first needed.
package final class IssuerKeys: Sendable {
    private let cache = Mutex(KeyCache())
    /// Held by the thread that fetches. Other threads wait for it, at most as long as `fetch` may take.
    private let fetching = Mutex(())
    private let fetch: @Sendable () throws -> JSONWebKeySet
    private let clock: @Sendable () -> ContinuousClock.Instant
    private let observe: @Sendable (any Error) -> Void

    /// - Parameters:
    ///   - fetch: requests the keys. It must end within seconds, because its callers wait.
    ///   - observe: receives the error of a failed attempt.
    package init(
        fetch: @escaping @Sendable () throws -> JSONWebKeySet,
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        observe: @escaping @Sendable (any Error) -> Void
    ) {
        self.fetch = fetch
        self.clock = clock
        self.observe = observe
    }

    /// The key with that id; nil when the issuer has none. Throws 503 when the keys cannot be fetched.
    func key(named id: String) throws -> PublicKey? {
        switch find(id) {
        case .fetchFromIssuer: fetching.withLock { _ in fetchIfDue() }
        // One thread fetches; the others continue with the old key.
        case .oldKey: _ = fetching.withLockIfAvailable { _ in fetchIfDue() }
        case let finding: return try key(of: finding)
        }
        return try key(of: find(id))
    }

    private func key(of finding: KeyCache.Finding) throws -> PublicKey? {
        switch finding {
        case .key(let key), .oldKey(let key): return key
        case .none: return nil
        case .fetchFromIssuer: throw Problem.unavailable()
        case .unavailable(let time): throw Problem.unavailable(retryAfter: Int(time.components.seconds) + 1)
        }
    }

    private func find(_ id: String) -> KeyCache.Finding {
        cache.withLock { $0.find(id, at: clock()) }
    }

    private func fetchIfDue() {
        guard cache.withLock({ $0.begin(at: clock()) }) else { return }
        do {
            let keys = try fetch()
            cache.withLock { $0.end(with: keys) }
        } catch {
            cache.withLock { $0.end(with: nil) }
            observe(error)
        }
    }
}
