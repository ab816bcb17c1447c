package import System

/// The calls that a process of the pool has begun and not answered, so that no other process executes one again.
///
/// When a connection breaks, the web server sends its call once more, because it cannot know whether the process had
/// read it. If the call is here, it was read, and perhaps executed. The web server chooses the ids.
///
/// The slot of a process that was killed remains until `lifetime` has passed, by when nothing is repeated.
package struct BegunCalls: Sendable {
    /// Longer than the time in which the web server repeats a call (`fastcgi_next_upstream_timeout`).
    static let lifetime: UInt64 = 15
    static let rows = 256
    static let rowLength = 32

    private let ids: RecentIDs

    package init(in memory: SharedMemory) {
        ids = RecentIDs(
            memory: memory, rows: Rows(of: SharedMemory.Layout.calls, length: Self.rowLength), lifetime: Self.lifetime)
    }

    /// Adds the call. False if it must not be executed, because a process has begun it before. If no slot is left, it is
    /// executed: otherwise a client that takes many slots would have the calls of others refused.
    package func begin(_ id: UInt64, at now: Monotonic = .now) -> Bool { ids.add(id, at: now) != .known }

    /// Removes the call, which has ended in a process that lives: if its answer was lost, then because the web server no
    /// longer waited for it, and so does not repeat it.
    package func end(_ id: UInt64) { ids.remove(id) }
}
