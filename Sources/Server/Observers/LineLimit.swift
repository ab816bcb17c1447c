import FastCGI
import Synchronization
import System

/// Limits the lines of events that a stranger can cause: one of each event in a second. What is left out is counted.
final class LineLimit: Sendable {
    private struct Count {
        /// When the next line may be written.
        var next: Monotonic
        /// Lines that were left out since the last one.
        var leftOut = 0
        let level: Log.Level
    }

    private let counts = Mutex<[String: Count]>([:])

    /// Whether the line is written; then, how many of that event were left out since the last one. Nil: it is left out.
    func admit(_ event: String, _ level: Log.Level, at now: Monotonic = .now) -> Int? {
        counts.withLock { counts in
            if let count = counts[event], now < count.next {
                counts[event]?.leftOut += 1
                return nil
            }
            let leftOut = counts[event]?.leftOut ?? 0
            counts[event] = Count(next: now + .seconds(1), level: level)
            return leftOut
        }
    }

    /// Removes and returns the counts of lines that were left out since the last line of their event.
    func takeRest() -> [(event: String, level: Log.Level, count: Int)] {
        counts.withLock { counts in
            defer { counts = [:] }
            return counts.filter { $1.leftOut > 0 }.sorted { $0.key < $1.key }.map { ($0, $1.level, $1.leftOut) }
        }
    }
}

extension Observation {
    /// Whether a stranger can cause any number of them, without a request that has a line of its own.
    var isUnbounded: Bool {
        switch self {
        case .edge(.peerRefused), .edge(.clientRefused), .edge(.strayPeer), .edge(.requestUnreadable),
            .edge(.gateRefused), .edge(.callNotRepeated), .edge(.deadlinePassed):
            true
        default: false
        }
    }
}
