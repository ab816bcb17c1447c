/// When the next connection attempt is due, so that not all clients connect at once when a server comes back.
///
/// Full jitter: after the n-th failure in a row a random delay of up to 50 ms × 2ⁿ, at most 5 s. No thread sleeps: a
/// call that comes too early fails at once.
struct Reconnection {
    private var failures = 0
    private var earliest: ContinuousClock.Instant?

    func isDue(at now: ContinuousClock.Instant) -> Bool { earliest.map { now >= $0 } ?? true }

    mutating func succeeded() { self = Reconnection() }

    mutating func failed(at now: ContinuousClock.Instant) {
        failures = min(failures + 1, 7)
        let ceiling = min(50 << failures, 5000)
        earliest = now + .milliseconds(Int.random(in: 0...ceiling))
    }
}
