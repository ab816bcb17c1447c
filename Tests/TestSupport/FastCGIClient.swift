import Glibc

/// A raw FastCGI client: sends any bytes, well formed or not, and reads records, each with a timeout.
package final class FastCGIClient {
    package enum Failure: Error, Equatable {
        case system(call: String, code: Int32)
        case timedOut
        case closed
    }

    /// The response to one request.
    package struct Answer: Sendable {
        package var status = 0
        package var headers: [(name: String, value: String)] = []
        package var body: [UInt8] = []

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// The first header of this name, which must be in lower case.
        package subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
    }

    package let descriptor: Int32

    /// Connects to a unix socket.
    package init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = unsafe withUnsafePointer(to: address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Failure.system(call: "connect", code: errno) }
    }

    /// Connects to this machine over TCP.
    package init(port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = unsafe withUnsafePointer(to: address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure.system(call: "connect", code: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Sends the bytes unchanged.
    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress.map { unsafe $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure.system(call: "send", code: errno) }
            sent += count
        }
    }

    /// Shuts down the sending side of the connection; responses can still be read.
    package func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Whether the peer closes the connection in time. Bytes that it sends before are dropped.
    package func isClosed(within milliseconds: Int32 = 5_000) -> Bool {
        while true {
            do { _ = try receive(4_096, milliseconds) } catch { return error != .timedOut }
        }
    }

    /// Reads records up to the end of the request and parses the CGI response.
    package func answer(within milliseconds: Int32 = 5_000) throws -> Answer {
        var output: [UInt8] = []
        while true {
            let record = try record(within: milliseconds)
            switch record.type {
            case 6: output += record.content
            case 3: return Self.answer(parsing: output)
            default: break
            }
        }
    }

    /// Returns the content of the next STDOUT record.
    package func output(within milliseconds: Int32 = 5_000) throws -> String {
        while true {
            let record = try record(within: milliseconds)
            if record.type == 6 { return String(decoding: record.content, as: UTF8.self) }
        }
    }

    /// Sends one whole request and reads the response.
    package func exchange(
        _ params: [(String, String)], body: [UInt8] = [], within milliseconds: Int32 = 5_000
    ) throws -> Answer {
        try send(Self.request(params, body: body))
        return try answer(within: milliseconds)
    }

    private func record(within milliseconds: Int32) throws -> (type: UInt8, content: [UInt8]) {
        let header = try receive(exactly: 8, milliseconds)
        let content = try receive(exactly: Int(header[4]) << 8 | Int(header[5]), milliseconds)
        _ = try receive(exactly: Int(header[6]), milliseconds)
        return (header[1], content)
    }

    private func receive(exactly count: Int, _ milliseconds: Int32) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += try receive(count - bytes.count, milliseconds) }
        return bytes
    }

    private func receive(_ maximum: Int, _ milliseconds: Int32) throws(Failure) -> [UInt8] {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&ready, 1, milliseconds) == 1 else { throw .timedOut }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: maximum) { buffer, count in
            count = unsafe max(0, recv(descriptor, buffer.baseAddress, maximum, 0))
        }
        guard !bytes.isEmpty else { throw .closed }
        return bytes
    }

    private static func answer(parsing output: [UInt8]) -> Answer {
        var answer = Answer()
        var rest = output[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            rest = rest[(end + 1)...]
            if line.isEmpty { break }
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
            answer.headers.append((name: parts[0].lowercased(), value: value))
        }
        answer.status = answer["status"].flatMap { Int($0.prefix(3)) } ?? 0
        answer.body = Array(rest)
        return answer
    }
}

/// Records of the FastCGI specification, sections 3.3 and 5.
extension FastCGIClient {
    /// One record; type 1 begins a request, 4 is params, 5 is STDIN.
    package static func record(
        type: UInt8, id: UInt16 = 1, version: UInt8 = 1, _ content: [UInt8] = []
    ) -> [UInt8] {
        let length = UInt16(content.count)
        return [version, type, UInt8(id >> 8), UInt8(id & 0xFF), UInt8(length >> 8), UInt8(length & 0xFF), 0, 0]
            + content
    }

    /// A BEGIN_REQUEST record; role 1 is FCGI_RESPONDER.
    package static func begin(role: UInt8 = 1, keep: Bool = true, id: UInt16 = 1, version: UInt8 = 1) -> [UInt8] {
        record(type: 1, id: id, version: version, [0, role, keep ? 1 : 0, 0, 0, 0, 0, 0])
    }

    /// PARAMS records with the empty one that ends them.
    package static func params(_ params: [(String, String)]) -> [UInt8] {
        var content: [UInt8] = []
        for (name, value) in params {
            for count in [name.utf8.count, value.utf8.count] {
                if count < 128 {
                    content.append(UInt8(count))
                } else {
                    content += [UInt8(count >> 24) | 0x80, UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF)]
                    content.append(UInt8(count & 0xFF))
                }
            }
            content += Array(name.utf8) + Array(value.utf8)
        }
        return stream(type: 4, content)
    }

    /// STDIN records with the empty one that ends them.
    package static func body(_ bytes: [UInt8]) -> [UInt8] {
        stream(type: 5, bytes)
    }

    /// A whole request, with or without the flag that keeps the connection open.
    package static func request(_ params: [(String, String)], body: [UInt8] = [], keep: Bool = true) -> [UInt8] {
        begin(keep: keep) + self.params(params) + self.body(body)
    }

    /// Records of at most 32,768 bytes, like those of nginx, then an empty one.
    private static func stream(type: UInt8, _ content: [UInt8]) -> [UInt8] {
        var records: [UInt8] = []
        var rest = content[...]
        while !rest.isEmpty {
            records += record(type: type, Array(rest.prefix(32_768)))
            rest = rest.dropFirst(32_768)
        }
        return records + record(type: type)
    }
}
