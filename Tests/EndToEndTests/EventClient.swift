import Glibc
import JSON
import TestSupport

/// A client of a stream of events, as a browser's EventSource: it takes what has arrived, and connects again after the
/// last event that it has got.
final class EventClient {
    struct Event: Hashable {
        let id: String
        let name: String
        let data: String
    }

    private let stack: Stack
    private let target: String
    private let token: String
    private var descriptor: Int32 = -1
    private var raw: [UInt8] = []
    /// What the chunks contain that have arrived.
    private var text: [UInt8] = []
    private(set) var head = ""
    private(set) var events: [Event] = []
    /// Of the last event, or of a later message that contains only it.
    private(set) var lastID: String?
    /// The number of connections.
    private(set) var connections = 0
    /// Whether the last response ended completely.
    private(set) var isComplete = false

    init(_ stack: Stack, _ target: String, token: String) {
        (self.stack, self.target, self.token) = (stack, target, token)
    }

    deinit { disconnect() }

    var status: String { head.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
    var isConnected: Bool { descriptor >= 0 }

    func connect() throws {
        disconnect()
        (raw, text, head, isComplete) = ([], [], "", false)
        var headers = [("Authorization", "Bearer \(token)"), ("Accept", "text/event-stream")]
        if let lastID { headers.append(("Last-Event-ID", lastID)) }
        descriptor = try stack.client.begin(stack.client.message("GET", target, headers: headers))
        connections += 1
    }

    func disconnect() {
        if isConnected { close(descriptor) }
        descriptor = -1
    }

    /// Reads what arrives within the time. False if the connection has ended.
    @discardableResult
    func read(milliseconds: Int32 = 100) -> Bool {
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard isConnected, unsafe poll(&state, 1, milliseconds) > 0 else { return isConnected }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = unsafe max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
        }
        if bytes.isEmpty {
            disconnect()
            return false
        }
        raw += bytes
        parse()
        return true
    }

    /// Reads, and connects again when the connection has ended, until the condition holds.
    func follow(until isDone: (EventClient) throws -> Bool) throws {
        try eventually("the events of \(target) arrive: \(events.map(\.name))") {
            if try isDone(self) { return true }
            if !read(), try !isDone(self) { try connect() }
            return try isDone(self)
        }
    }

    private func parse() {
        if head.isEmpty {
            guard let end = String(decoding: raw, as: UTF8.self).firstRange(of: "\r\n\r\n") else { return }
            head = String(String(decoding: raw, as: UTF8.self)[..<end.lowerBound])
            raw.removeFirst(head.utf8.count + 4)
        }
        guard head.lowercased().contains("transfer-encoding: chunked") else { return }
        while let line = raw.firstIndex(of: UInt8(ascii: "\r")), raw.count > line + 1,
            let length = Int(String(decoding: raw[..<line], as: UTF8.self), radix: 16),
            raw.count >= line + 2 + length + 2
        {
            text += raw[(line + 2)..<(line + 2 + length)]
            raw.removeFirst(line + 2 + length + 2)
            if length == 0 { isComplete = true }
        }
        while let end = String(decoding: text, as: UTF8.self).firstRange(of: "\n\n") {
            let message = String(String(decoding: text, as: UTF8.self)[..<end.lowerBound])
            text.removeFirst(message.utf8.count + 2)
            take(message)
        }
    }

    private func take(_ message: String) {
        var fields: [Substring: String] = [:]
        for line in message.split(separator: "\n") {
            let parts = line.split(separator: ": ", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = String(parts[1]) }
        }
        if let id = fields["id"] { lastID = id }
        if let name = fields["event"], let data = fields["data"] {
            events.append(Event(id: lastID ?? "", name: name, data: data))
        }
    }
}
