import Glibc
import Synchronization

/// Writes lines to a file or descriptor on a thread of its own, so that a slow reader makes no caller wait.
///
/// Lines wait in a bounded buffer; one that finds no room is dropped and counted, and the count is written once there
/// is room. A line after a pause is written at once, later ones together every few milliseconds. Lines of several
/// processes that write to the same file or pipe do not mix.
package final class LineWriter: Sendable {
    package enum Target: Sendable {
        /// The path of a file, which is appended to.
        case file(String)
        case descriptor(Int32)
    }

    /// What the writer itself has to say; `render` makes a line of it.
    package enum Notice: Sendable {
        case dropped(lines: Int)
        case notReopened(ProcessError)
    }

    /// The longest line, in bytes with its end: as much as a pipe takes in one piece from several writers (PIPE_BUF).
    package static let longestLine = 4_096

    private let waiting: Mutex<Waiting>
    private let capacity: Int
    private let observeDrops: @Sendable (Int) -> Void
    private let wake: WakeUp
    private let ended: WakeUp

    private struct Waiting {
        var bytes: [UInt8] = []
        /// Since the last notice.
        var dropped = 0
        var isThreadAsleep = false
        var mustReopen = false
        var isClosing = false
        var hasEnded = false
    }

    /// Opens the target and starts the thread.
    ///
    /// - Parameters:
    ///   - capacity: the size of the buffer, in bytes. There are two: one is filled while the other is written.
    ///   - observeDrops: called on any thread with the number of lines that were dropped just now.
    ///   - render: the line of a notice, with its end.
    package init(
        to target: Target, capacity: Int = 256 << 10, observeDrops: @escaping @Sendable (Int) -> Void,
        render: @escaping @Sendable (Notice) -> [UInt8]
    ) throws(ProcessError) {
        self.capacity = capacity
        self.observeDrops = observeDrops
        var empty = Waiting()
        empty.bytes.reserveCapacity(capacity)
        waiting = Mutex(empty)
        (wake, ended) = (try WakeUp(), try WakeUp())
        let output = try LineOutput(target)
        // It is not joined, because its reader may keep it waiting without end.
        try NativeThread { [self] in run(output, render) }.detach()
    }

    /// Appends a line of at most `limit` bytes, from 256 to `longestLine`; never waits for the reader.
    package func append(_ head: LogLine.Head, limit: Int = longestLine, addFields: (inout LogLine) -> Void) {
        unsafe LogLine.withLine(head, limit: limit, addFields) { unsafe append($0) }
    }

    /// Appends the bytes, which are a line with its end.
    package func append(_ line: UnsafeBufferPointer<UInt8>) {
        let (isDropped, mustWake) = waiting.withLock { waiting in
            guard waiting.bytes.count + line.count <= capacity else {
                waiting.dropped += 1
                return (true, false)
            }
            let isCalm = waiting.bytes.count < Self.portion
            unsafe waiting.bytes.append(contentsOf: line)
            defer { waiting.isThreadAsleep = false }
            return (false, waiting.isThreadAsleep || isCalm && waiting.bytes.count >= Self.portion)
        }
        if mustWake { wake.signal() }
        if isDropped { observeDrops(1) }
    }

    /// Makes the thread open the target file again, after it has written what waits. If it cannot be opened, the thread
    /// continues with the one that is open.
    package func reopen() {
        waiting.withLock { $0.mustReopen = true }
        wake.signal()
    }

    /// Writes what waits and ends the thread, but waits no longer than `limit` for the reader. Later lines are lost.
    package func close(within limit: Duration = .seconds(1)) {
        let hasEnded = waiting.withLock { waiting in
            waiting.isClosing = true
            return waiting.hasEnded
        }
        guard !hasEnded else { return }
        wake.signal()
        ended.wait(until: .now + limit)
    }

    /// How long the thread gathers lines after a write, and how many bytes: more would only occupy memory, in each
    /// process.
    private static let pause = Duration.milliseconds(10)
    private static let portion = 32 << 10

    private func run(_ opened: LineOutput, _ render: (Notice) -> [UInt8]) {
        var output = opened
        var lines: [UInt8] = []
        lines.reserveCapacity(capacity)
        while let orders = take(into: &lines) {
            guard orders != .none else {
                wake.wait()
                continue
            }
            write(lines, to: &output)
            lines.removeAll(keepingCapacity: true)
            if orders.dropped > 0, output.write(render(.dropped(lines: orders.dropped))) > 0 {
                // They are part of the next notice.
                waiting.withLock { $0.dropped += orders.dropped }
            }
            if orders.mustReopen {
                do { try output.reopen() } catch { write(render(.notReopened(error)), to: &output) }
            }
            wake.wait(until: .now + Self.pause)
        }
        output.end()
        ended.signal()
    }

    private struct Orders: Equatable {
        static let none = Orders()

        var hasLines = false
        var dropped = 0
        var mustReopen = false
    }

    /// Exchanges the empty `lines` for those that wait. Nil when there is nothing left to do and the writer was closed.
    private func take(into lines: inout [UInt8]) -> Orders? {
        waiting.withLock { waiting in
            var orders = Orders(hasLines: !waiting.bytes.isEmpty, mustReopen: waiting.mustReopen)
            if orders.hasLines {
                swap(&waiting.bytes, &lines)
                orders.dropped = waiting.dropped
                waiting.dropped = 0
            }
            waiting.mustReopen = false
            waiting.isThreadAsleep = orders == .none
            guard orders != .none || !waiting.isClosing else {
                waiting.hasEnded = true
                return nil
            }
            return orders
        }
    }

    private func write(_ lines: [UInt8], to output: inout LineOutput) {
        let unwritten = output.write(lines)
        guard unwritten > 0 else { return }
        waiting.withLock { $0.dropped += unwritten }
        observeDrops(unwritten)
    }
}
