/// Slows down the guessing of passwords, without locking the account's owner out.
///
/// ```
/// let wait = throttle.delay(forAddress: …, nameFromAddress: …, at: now)   // before the account is looked up
/// let keys = LoginThrottle.Keys(account: …, address: …, accountFromAddress: …, nameFromAddress: …)
/// let wait = throttle.admit(keys, at: now)          // before the password is hashed, which is expensive
/// guard wait == 0 else { 429, Retry-After: wait }   // not counted: a refused attempt does not extend the wait
/// wrong password, or no such account:  throttle.countFailure(keys, at: now)
/// right password:                      throttle.clearFailures(keys)
/// too busy to check the password:      neither
/// ```
///
/// What is counted and what it does:
/// - the account from this address: after 5 failures each further attempt has to wait, for up to a minute. This slows
///   an attacker's own address, and not the owner at another address, where nothing was counted.
/// - this address, for all accounts: after 20 failures, against one password tried under many names. The limit is
///   higher because a whole office may share an address.
/// - the name, as it was given, from this address: the same limit as for the account from this address, and known
///   without a lookup, so that a throttled client costs no statement. An account has several names, so this limit is
///   not enough by itself: guesses under all of them count together for the account.
/// - the account, from all addresses: it never causes a wait by itself, since then an attacker could lock its owner
///   out. But after 50 failures each address has only one failure without a wait, which slows many addresses together.
///
/// A success clears only the account and the name from this address: an attacker who has an account must not be able to
/// clear the address with it. Failures under the account's other name remain, and make that name wait for a minute at
/// most.
///
/// The keys are digests of the account, or of a name that has no account: both are slowed alike. The address is the
/// peer's as the web server saw it, never one that a client claims, and for IPv6 its first 64 bits, since one customer
/// has 2^64 addresses.
package struct LoginThrottle: Sendable {
    /// The keys for which one attempt counts; see `FailureTable` for how they are made. They share one table, so each
    /// kind must be distinguishable, by a prefix for example.
    package struct Keys: Hashable, Sendable {
        let account: UInt64
        let address: UInt64
        let accountFromAddress: UInt64
        /// Nil for an attempt without a name.
        let nameFromAddress: UInt64?

        package init(account: UInt64, address: UInt64, accountFromAddress: UInt64, nameFromAddress: UInt64? = nil) {
            self.account = account
            self.address = address
            self.accountFromAddress = accountFromAddress
            self.nameFromAddress = nameFromAddress
        }
    }

    package var account = ThrottlePolicy(free: 5)
    /// For an account with more than `suspicion` failures.
    package var suspectAccount = ThrottlePolicy(free: 1)
    package var suspicion = 50
    package var address = ThrottlePolicy(free: 20)

    private let table: FailureTable

    package init(in memory: SharedMemory) {
        table = FailureTable(in: memory)
    }

    /// Zero when the name may be looked up now, otherwise the seconds to wait. It claims nothing: `admit` decides.
    ///
    /// - Parameter addressKey: nil for an address that is not throttled as a whole.
    package func delay(forAddress addressKey: UInt64?, nameFromAddress: UInt64, at now: UInt64) -> UInt64 {
        max(
            addressKey.map { table.delay(for: $0, under: address, at: now) } ?? 0,
            table.delay(for: nameFromAddress, under: account, at: now))
    }

    /// Zero when the password may be tried now, otherwise the seconds to wait.
    ///
    /// Concurrent attempts may exceed the number of free ones once, by at most the number of threads; after that each
    /// wait admits one attempt.
    package func admit(_ keys: Keys, at now: UInt64) -> UInt64 {
        let policy = policy(for: keys.account, at: now)
        // Both are checked before either is claimed: a refused attempt must not use up the other's turn.
        let wait = max(
            table.delay(for: keys.accountFromAddress, under: policy, at: now),
            table.delay(for: keys.address, under: address, at: now))
        if wait > 0 { return wait }
        return max(
            table.claimTry(for: keys.accountFromAddress, under: policy, at: now),
            table.claimTry(for: keys.address, under: address, at: now))
    }

    /// After a wrong password, or for an account that does not exist.
    package func countFailure(_ keys: Keys, at now: UInt64) {
        table.countFailure(of: keys.account, at: now)
        table.countFailure(of: keys.address, at: now)
        table.countFailure(of: keys.accountFromAddress, at: now)
        if let name = keys.nameFromAddress { table.countFailure(of: name, at: now) }
    }

    /// After the right password.
    package func clearFailures(_ keys: Keys) {
        table.clear(keys.accountFromAddress)
        if let name = keys.nameFromAddress { table.clear(name) }
    }

    private func policy(for key: UInt64, at now: UInt64) -> ThrottlePolicy {
        table.failures(of: key).left(at: now) > suspicion ? suspectAccount : account
    }
}
