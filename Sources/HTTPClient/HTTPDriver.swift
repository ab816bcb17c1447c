import Synchronization
package import System

/// Sends many requests at once on one thread of its own, under the same rules as `HTTPClient`: a request waits for its
/// response without occupying a thread of the caller.
///
/// The thread can wait for other descriptors as well, such as that of a child process (pidfd_open(2)). It must never
/// block, so the closures that it calls hand their work over to other threads. It ends when the driver is released;
/// requests that are being sent then end as canceled.
package final class HTTPDriver: Sendable {
    /// `isLookingUp`: the request has ended before the lookup of the host's name. The lookup goes on, on a thread of
    /// libcurl, until the system's resolver gives up.
    package typealias Ended = @Sendable (Result<IncomingResponse, HTTPClientError>, _ isLookingUp: Bool) -> Void

    /// A request that was sent, to cancel it.
    package struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// What other threads ask of the driver's thread.
    enum Command: Sendable {
        case send(Ticket, OutgoingRequest, HTTPClientSettings, Ended)
        case cancel(Ticket)
        case watch(Int32, @Sendable () -> Void)
        case stop
    }

    /// Shared with the thread, which outlives the driver by a moment.
    final class Inbox: Sendable {
        let wakeUp: WakeUp
        private let commands = Mutex<[Command]>([])

        init() throws(ProcessError) { wakeUp = try WakeUp() }

        func put(_ command: Command) {
            commands.withLock { $0.append(command) }
            wakeUp.signal()
        }

        func take() -> [Command] {
            wakeUp.clear()
            return commands.withLock { commands in
                defer { commands = [] }
                return commands
            }
        }
    }

    private let settings: HTTPClientSettings
    private let inbox: Inbox
    private let lastNumber = Atomic<UInt64>(0)

    /// - Parameter settings: of all requests, which may have other limits.
    package init(_ settings: HTTPClientSettings = HTTPClientSettings()) throws(ProcessError) {
        self.settings = settings
        let inbox = try Inbox()
        self.inbox = inbox
        let addresses = AddressGuard(settings)
        try NativeThread { HTTPDriverLoop(inbox, addresses).run() }.detach()
    }

    deinit { inbox.put(.stop) }

    /// Sends the request, follows redirects if it may, and calls `ended` once, on the driver's thread: with the final response,
    /// whatever its status, or the reason why there is none.
    ///
    /// - Parameters:
    ///   - timeout: from now to the complete response, including all redirects.
    ///   - bodyLimit: the maximum length of the response's body, in bytes.
    ///   - cutsBody: whether a longer body is cut, instead of refused.
    @discardableResult
    package func send(
        _ request: OutgoingRequest, timeout: Duration? = nil, bodyLimit: Int? = nil, cutsBody: Bool = false,
        followsRedirects: Bool = true, _ ended: @escaping Ended
    ) -> Ticket {
        var settings = settings
        if let timeout {
            settings.totalTimeout = timeout
            // A service may take the whole time to answer.
            settings.stallTimeout = timeout
        }
        if let bodyLimit { settings.bodyLimit = bodyLimit }
        if cutsBody { settings.cutsBody = true }
        if !followsRedirects { settings.followsRedirects = false }
        let ticket = Ticket(number: lastNumber.add(1, ordering: .relaxed).newValue)
        inbox.put(.send(ticket, request, settings, ended))
        return ticket
    }

    /// Aborts a request, which then ends as canceled; does nothing if it has ended.
    package func cancel(_ ticket: Ticket) { inbox.put(.cancel(ticket)) }

    /// Calls `body` once, on the driver's thread, when the descriptor is readable. The caller closes the descriptor, at
    /// the earliest then.
    package func whenReadable(_ descriptor: Int32, _ body: @escaping @Sendable () -> Void) {
        inbox.put(.watch(descriptor, body))
    }
}
