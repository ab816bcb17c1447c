import Synchronization

/// The open body of a response, to which events are written one after another, from any thread.
///
/// Writing never blocks: a client is disconnected if its socket buffer cannot hold an event, and resumes from its
/// cursor. After the exchange has ended, the functions of this handle have no effect.
package final class EventStream: Sendable {
    /// How the bytes reach the peer. The stream calls one function at a time, and none after `end`.
    package struct Transport: Sendable {
        /// Writes all of the bytes without waiting; false if the peer did not take them.
        let write: @Sendable ([UInt8]) -> Bool
        /// Releases the exchange: as complete, or as aborted when false.
        let end: @Sendable (_ isComplete: Bool) -> Void
        /// About how many of the bytes the peer has not taken yet.
        let backlog: @Sendable () -> Int

        package init(
            write: @escaping @Sendable ([UInt8]) -> Bool, end: @escaping @Sendable (_ isComplete: Bool) -> Void,
            backlog: @escaping @Sendable () -> Int = { 0 }
        ) {
            self.write = write
            self.end = end
            self.backlog = backlog
        }
    }

    /// The maximum length of one event, in bytes: the buffers of a socket hold it.
    package static let maximumEventLength = 64 << 10
    /// An event that clients ignore (WHATWG HTML, section 9.2.6). It shows that the stream is open.
    package static let comment: [UInt8] = Array(":\n\n".utf8)

    private let transport: Mutex<Transport?>

    package init(over transport: Transport) {
        self.transport = Mutex(transport)
    }

    /// Writes one event. Returns false if the stream is closed, also by this call: because the client is too slow or
    /// has disconnected, or because the event is longer than `maximumEventLength`.
    @discardableResult
    package func send(_ event: [UInt8]) -> Bool {
        transport.withLock {
            guard let transport = $0 else { return false }
            if event.count <= Self.maximumEventLength, transport.write(event) { return true }
            $0 = nil
            transport.end(false)
            return false
        }
    }

    /// About how many bytes the client has not taken yet; 0 for a closed stream. Who has many events to write waits
    /// until it is small.
    package var backlog: Int { transport.withLock { $0?.backlog() ?? 0 } }

    /// Whether no more events can be written.
    package var isClosed: Bool { transport.withLock { $0 == nil } }

    /// Ends the response. Has no effect on a closed stream.
    package func end() { close(isComplete: true) }

    /// Closes the stream without an end of the response. The FastCGI edge calls it when the peer has disconnected.
    package func disconnect() { close(isComplete: false) }

    private func close(isComplete: Bool) {
        transport.withLock { $0.take() }?.end(isComplete)
    }
}
