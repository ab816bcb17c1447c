import CFastCGI
import Glibc
package import HTTP
import Synchronization

/// One request in plain CGI (RFC 3875): variables in the environment, body on standard input, response on standard
/// output.
package enum CGI {
    /// Serves the one request that this process was started for; false when the response could not be written.
    ///
    /// The gate secret is not checked: the process that started this one has set its environment. A response that comes
    /// later is awaited, since the process has nothing else to do, but no longer than `patience`.
    @discardableResult
    package static func serve(
        environment: [String: String], bodyLimit: Int = 1 << 20, patience: Duration = .seconds(20),
        input: Int32 = 0, output: Int32 = 1, handler: (Result<Request, Rejection>) -> Reply
    ) -> Bool {
        var params = Params()
        for (name, value) in environment { params.add(Array("\(name)=\(value)".utf8).span) }
        params.finish()

        let length = params.contentLength ?? 0
        let request = params.request(body: length <= bodyLimit ? readBody(length, from: input) : [])
        let problem: Rejection.Reason? =
            if params.isMalformed {
                .malformed
            } else if length > bodyLimit {
                .bodyTooLarge
            } else if request.body.count < length {
                .bodyIncomplete
            } else {
                nil
            }
        let rejection = problem.map { Rejection(reason: $0, request: params.request(body: [])) }
        var response =
            switch handler(rejection.map { .failure($0) } ?? .success(request)) {
            case .now(let response): response
            case .later(let later): wait(for: later, within: patience)
            }

        var bytes = ResponseHead.make(for: &response).bytes
        if request.method != "HEAD" { bytes += response.body }
        return write(bytes, to: output)
    }

    /// The response, if it comes in time, or `later.otherwise`.
    private static func wait(for later: Later, within patience: Duration) -> Response {
        let bell = eventfd(0, Int32(EFD_CLOEXEC))
        guard bell >= 0 else { return later.otherwise }
        let answer = Answer()
        let parked = Parked { response in
            answer.response.withLock { $0 = response }
            // The last use of the eventfd: the waiting thread closes it after reading this.
            eventfd_write(bell, 1)
        }
        later.park(parked)
        let (seconds, attoseconds) = patience.components
        let milliseconds = Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
        var ready = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&ready, 1, milliseconds) < 0, errno == EINTR {}
        // Does nothing if another thread has answered or is about to: the read below waits for it.
        parked.answer(later.otherwise)
        var value: eventfd_t = 0
        while unsafe eventfd_read(bell, &value) != 0, errno == EINTR {}
        close(bell)
        return answer.response.withLock(\.self) ?? later.otherwise
    }

    private final class Answer: Sendable {
        let response = Mutex<Response?>(nil)
    }

    private static func readBody(_ length: Int, from input: Int32) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
            while initialized < length {
                let count = unsafe read(input, buffer.baseAddress.map { unsafe $0 + initialized }, length - initialized)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                initialized += count
            }
        }
    }

    private static func write(_ bytes: [UInt8], to output: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(output, $0.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
