import CCurl
import System

/// What the thread of an `HTTPDriver` does. Only that thread uses it.
final class HTTPDriverLoop {
    /// A request without a response yet.
    private struct Sending {
        let ticket: HTTPDriver.Ticket
        let settings: HTTPClientSettings
        let deadline: ContinuousClock.Instant
        let ended: HTTPDriver.Ended
        let handle: EasyHandle
        var redirectsLeft: Int
        var transfer: Transfer

        /// Whether the name of the host is being looked up.
        var isLookingUp: Bool { transfer.hop.url.origin.address == nil && !handle.hasAddress }
    }

    private let inbox: HTTPDriver.Inbox
    private let addresses: AddressGuard
    private let multi = MultiHandle()
    /// By the number of the handle.
    private var sending: [UInt: Sending] = [:]
    private var watched: [Int32: @Sendable () -> Void] = [:]

    init(_ inbox: HTTPDriver.Inbox, _ addresses: AddressGuard) {
        self.inbox = inbox
        self.addresses = addresses
    }

    func run() {
        while true {
            for command in inbox.take() {
                switch command {
                case .send(let ticket, let request, let settings, let ended): begin(ticket, request, settings, ended)
                case .cancel(let ticket): cancel { $0 == ticket }
                case .watch(let descriptor, let body): watched[descriptor] = body
                case .stop: return cancel { _ in true }
                }
            }
            for (easy, code) in multi.perform() { advance(easy, code) }
            let readable = multi.wait(for: [inbox.wakeUp.descriptor] + watched.keys)
            for descriptor in readable { watched.removeValue(forKey: descriptor)?() }
        }
    }

    private func begin(
        _ ticket: HTTPDriver.Ticket, _ request: OutgoingRequest, _ settings: HTTPClientSettings,
        _ ended: @escaping HTTPDriver.Ended
    ) {
        do throws(HTTPClientError) {
            try request.checkHeaders()
            guard let url = URLReference(request.url) else { throw .invalidURL }
            guard settings.totalTimeout > .zero else { throw .timedOut }
            let handle = EasyHandle(addresses)
            let transfer = handle.prepare(
                try Hop(url: url, request: request), settings, timeLeft: settings.totalTimeout)
            sending[handle.number] = Sending(
                ticket: ticket, settings: settings, deadline: .now + settings.totalTimeout, ended: ended,
                handle: handle, redirectsLeft: settings.redirectLimit, transfer: transfer)
            multi.add(handle)
        } catch {
            ended(.failure(error), false)
        }
    }

    /// Ends the request of a transfer that has ended, or sends the one to which its response redirects.
    private func advance(_ easy: UInt, _ code: CURLcode) {
        guard var request = sending.removeValue(forKey: easy) else { return }
        let isLookingUp = code == CURLE_OPERATION_TIMEDOUT && request.isLookingUp
        multi.remove(request.handle)
        do throws(HTTPClientError) {
            let response = try request.handle.response(of: request.transfer, after: code)
            guard request.settings.followsRedirects, let next = try request.transfer.hop.redirected(by: response) else {
                return request.ended(.success(response), false)
            }
            guard request.redirectsLeft > 0 else { throw .tooManyRedirects }
            let timeLeft = request.deadline - .now
            guard timeLeft > .zero else { throw .timedOut }
            request.handle.reset()
            request.redirectsLeft -= 1
            request.transfer = request.handle.prepare(next, request.settings, timeLeft: timeLeft)
            sending[easy] = request
            multi.add(request.handle)
        } catch {
            request.ended(.failure(error), isLookingUp)
        }
    }

    private func cancel(where isMeant: (HTTPDriver.Ticket) -> Bool) {
        for (easy, request) in sending where isMeant(request.ticket) {
            sending[easy] = nil
            let isLookingUp = request.isLookingUp
            multi.remove(request.handle)
            request.ended(.failure(.canceled), isLookingUp)
        }
    }
}
