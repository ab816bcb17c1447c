import Glibc
package import HTTP

/// The plain CGI form of one request (RFC 3875): variables in the environment, body on standard input, answer on
/// standard output.
package enum CGI {
    /// Serves the one request that this process was started for; false when the answer could not be written.
    ///
    /// No secret is asked for: whoever started the process set its environment.
    @discardableResult
    package static func serve(
        environment: [String: String], bodyLimit: Int = 1 << 20, input: Int32 = 0, output: Int32 = 1,
        handler: (Result<Request, Rejection>) -> Response
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
        var response = handler(rejection.map { .failure($0) } ?? .success(request))

        var bytes = ResponseHead.make(for: &response).bytes
        if request.method != "HEAD" { bytes += response.body }
        return write(bytes, to: output)
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
