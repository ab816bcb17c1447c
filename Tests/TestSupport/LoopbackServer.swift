import Dispatch
import Glibc
import Synchronization

/// An HTTP server on a free port of 127.0.0.1 that records each request and answers it with the test's closure.
package final class LoopbackServer: Sendable {
    package struct Request: Sendable {
        package var target = ""
        package var method = ""
        /// Keyed by name in lower case.
        package var fields: [String: String] = [:]
        package var body = ""
    }

    package enum Answer: Sendable {
        /// These bytes; the connection stays open.
        case bytes(String)
        /// These bytes; then the connection is closed.
        case last(String)
        /// These bytes; then one more byte twenty times a second while the client stays connected.
        case trickle(String)

        package static func ok(_ body: String = "", fields: String = "") -> Answer {
            .bytes("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
        }

        package static func redirect(_ status: Int = 302, to location: String) -> Answer {
            .bytes("HTTP/1.1 \(status) There\r\nContent-Length: 0\r\nLocation: \(location)\r\n\r\n")
        }
    }

    private let listener: LoopbackListener
    private let log = Mutex<(requests: [Request], connections: Int)>(([], 0))
    private let answer: @Sendable (Request) -> Answer

    package var url: String { "http://127.0.0.1:\(listener.port)" }
    package var port: UInt16 { listener.port }
    package var requests: [Request] { log.withLock { $0.requests } }
    package var connections: Int { log.withLock { $0.connections } }

    package init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
        listener = try LoopbackListener()
        self.answer = answer
        DispatchQueue(label: "listener").async { [listener, weak self] in
            while let connection = listener.accept(), let self {
                log.withLock { $0.connections += 1 }
                DispatchQueue(label: "connection").async { self.serve(connection) }
            }
        }
    }

    deinit { listener.shutDown() }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        while let request = Self.read(from: connection) {
            log.withLock { $0.requests.append(request) }
            switch answer(request) {
            case .bytes(let text): Self.write(text, to: connection)
            case .last(let text): return Self.write(text, to: connection)
            case .trickle(let text):
                Self.write(text, to: connection)
                var client = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
                while unsafe poll(&client, 1, 50) == 0 { Self.write("x", to: connection) }
                return
            }
        }
    }

    private static func read(from connection: Int32) -> Request? {
        var text = ""
        while !text.hasSuffix("\r\n\r\n") {
            guard let next = readBytes(1, from: connection) else { return nil }
            text += next
        }
        let lines = text.split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        var request = Request(target: String(words[1]), method: String(words[0]))
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            request.fields[line[..<colon].lowercased()] = String(value)
        }
        let length = request.fields["content-length"].flatMap { Int($0) } ?? 0
        guard let body = readBytes(length, from: connection) else { return nil }
        request.body = body
        return request
    }

    private static func readBytes(_ count: Int, from connection: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = count == 0 ? 0 : unsafe recv(connection, &bytes, count, Int32(MSG_WAITALL))
        guard received == count else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ text: String, to connection: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let sent = unsafe rest.withUnsafeBytes {
                unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }
}
