import Glibc
package import HTTP
package import JSON

/// The response of an HTTP server.
package struct HTTPAnswer: Sendable {
    package let status: Int
    package let headers: Headers
    package let body: [UInt8]

    package init(status: Int, headers: Headers, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON; null if it is not JSON.
    package var json: JSON { (try? JSON(parsing: body, limits: .own)) ?? .null }

    package subscript(name: String) -> JSON { json[name] ?? .null }
}

/// A minimal HTTP/1.1 client on loopback: one connection per request, which can send any bytes.
package struct HTTPClient: Sendable {
    package let port: UInt16
    /// The loopback address that connections come from. Default: chosen by the kernel.
    private var source: String?

    package init(port: UInt16) { self.port = port }

    /// The same client with another source address, such as `127.0.0.2`.
    package func from(_ address: String) -> HTTPClient {
        var client = self
        client.source = address
        return client
    }

    /// Sends a request with these headers after `Host`, unchanged and in this order.
    package func send(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) throws -> HTTPAnswer {
        try exchange(message(method, target, headers: headers, body: body), isHead: method == "HEAD")
    }

    /// The bytes of such a request.
    package func message(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) -> [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body, !headers.contains(where: { $0.0.lowercased() == "content-length" }) {
            head += "Content-Length: \(body.count)\r\n"
        }
        return Array((head + "\r\n").utf8) + (body ?? [])
    }

    /// Sends these bytes, and reads the response to the end of the connection.
    package func exchange(_ bytes: [UInt8], isHead: Bool = false) throws -> HTTPAnswer {
        try finish(begin(bytes), isHead: isHead)
    }

    /// Sends these bytes on a new connection, which `finish` reads and closes, so that calls can run in parallel.
    package func begin(_ bytes: [UInt8]) throws -> Int32 {
        let descriptor = try connect()
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // A server that rejects a body early may close the connection while it is sent. Its response can be read.
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        return descriptor
    }

    /// Sends all messages, each on its own connection, before it reads any response. On a slow machine some are refused
    /// because the others occupy their user's share of the threads: these are sent again.
    package func exchange(atOnce messages: [[UInt8]]) throws -> [HTTPAnswer] {
        var answers = try messages.map(begin).map { try finish($0) }
        while true {
            let refused = answers.indices.filter { answers[$0]["code"] == "too_many_calls" }
            if refused.isEmpty { return answers }
            let connections = try refused.map { try begin(messages[$0]) }
            for (index, connection) in zip(refused, connections) { answers[index] = try finish(connection) }
        }
    }

    /// Reads the response to the end of the connection.
    package func finish(_ descriptor: Int32, isHead: Bool = false) throws -> HTTPAnswer {
        defer { close(descriptor) }
        return try HTTPAnswer(parsing: readAll(descriptor), isHead: isHead)
    }

    /// Opens a connection with reads and writes that time out after a minute.
    package func connect() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let status = source.map { unsafe with($0, port: 0) { unsafe bind(descriptor, $0, $1) } } ?? 0
        guard status == 0, unsafe with("127.0.0.1", port: port, { unsafe Glibc.connect(descriptor, $0, $1) }) == 0
        else {
            close(descriptor)
            throw TestFailure("connect to port \(port): errno \(errno)")
        }
        return descriptor
    }

    /// Passes a socket address and its size to `call`.
    private func with(
        _ host: String, port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return -1 }
        return unsafe withUnsafePointer(to: address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func readAll(_ descriptor: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                count = unsafe max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
            }
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
    }
}

extension HTTPAnswer {
    fileprivate init(parsing bytes: [UInt8], isHead: Bool) throws {
        let blank = Array("\r\n\r\n".utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: blank) }) else {
            throw TestFailure("no HTTP response: \(String(decoding: bytes, as: UTF8.self))")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw TestFailure("no status: \(lines[0])") }
        var headers = Headers()
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers.append(name: String(line[..<colon]), value: String(value))
        }
        self.status = status
        self.headers = headers
        let body = Array(bytes[(end + 4)...])
        if !isHead, let length = headers["content-length"], Int(length) != body.count {
            throw TestFailure("received \(body.count) of \(length) bytes of the body")
        }
        self.body = body
    }
}
