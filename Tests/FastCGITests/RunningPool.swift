import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport

/// A pool on its own socket, and the events that it reports.
final class RunningPool {
    static let gate = "only the web server knows"

    let directory: TemporaryDirectory
    let path: String
    let listener: Listener
    let pool: ResponderPool
    let events = EventRecorder()

    /// `handler` may run on any of the pool's threads.
    convenience init(
        threads: Int = 2, settings: FastCGISettings = .gated, body policy: BodyPolicy = .memory,
        handler: @escaping @Sendable (Result<Received, Rejection>) -> Response = RunningPool.echo
    ) throws {
        try self.init(
            threads: threads, settings: settings,
            replying: { request, read in
                .response(
                    handler(Result { () throws(Rejection) in try Received(request, reading: policy, by: read) }))
            })
    }

    /// `reply` may run on any of the pool's threads.
    init(
        threads: Int = 2, settings: FastCGISettings = .gated,
        replying reply: @escaping @Sendable (Request, BodyReader) -> Reply
    ) throws {
        directory = try TemporaryDirectory()
        path = directory.path + "/responder.sock"
        listener = try Listener.bind(path: path)
        pool = try ResponderPool(
            listener: listener, threads: threads, settings: settings, observe: events.record, makeHandler: { reply })
        try pool.start()
    }

    deinit {
        pool.drain { _ in false }
        close(listener.descriptor)
    }

    func client() throws -> FastCGIClient {
        try FastCGIClient(path: path)
    }

    /// Parameters of an ordinary request with the gate.
    static func params(
        _ method: String = "GET", _ target: String = "/", length: Int? = nil, _ more: [(String, String)] = []
    ) -> [(String, String)] {
        [
            ("REQUEST_METHOD", method), ("REQUEST_URI", target), ("REMOTE_ADDR", "192.0.2.7"), ("REQUEST_ID", "r1"),
            ("CONTENT_LENGTH", length.map(String.init) ?? ""), ("FLOW_GATE", gate),
        ] + more
    }

    /// Responds with method, target and body of the request.
    static let echo: @Sendable (Result<Received, Rejection>) -> Response = { received in
        switch received {
        case .success(let received):
            Response(
                status: .ok, body: Array("\(received.request.method) \(received.request.target) ".utf8) + received.body)
        case .failure(let rejection):
            Response(status: rejection.status, body: Array("\(rejection)".utf8))
        }
    }
}

/// A request with its body.
struct Received: Sendable {
    let request: Request
    let body: [UInt8]

    init(_ request: Request, reading policy: BodyPolicy, by read: BodyReader) throws(Rejection) {
        if request.isMalformed { throw .malformed }
        self.request = request
        switch try read(policy) {
        case .bytes(let bytes): body = bytes
        case .file(let file):
            body = unsafe [UInt8](unsafeUninitializedCapacity: file.length) { buffer, count in
                count = unsafe Glibc.read(file.descriptor, buffer.baseAddress, file.length)
            }
        }
    }

    var target: String { request.target }
}

extension Rejection {
    /// The status of the application's refusal.
    var status: Status { if case .bodyTooLarge = self { .contentTooLarge } else { .badRequest } }
}

extension FastCGISettings {
    /// The settings of a web server that keeps connections.
    static var gated: FastCGISettings { FastCGISettings(gate: Array(RunningPool.gate.utf8)) }

    func with(_ change: (inout FastCGISettings) -> Void) -> FastCGISettings {
        var settings = self
        change(&settings)
        return settings
    }
}

/// Records the events of a pool and lets a test wait for them.
final class EventRecorder: Sendable {
    private let events = Mutex<[FastCGIEvent]>([])
    private let arrival = DispatchSemaphore(value: 0)

    var all: [FastCGIEvent] { events.withLock { $0 } }

    @Sendable func record(_ event: FastCGIEvent) {
        events.withLock { $0.append(event) }
        arrival.signal()
    }

    /// Whether the event is reported before a timeout.
    func saw(_ event: FastCGIEvent) -> Bool {
        let deadline = DispatchTime.now() + .seconds(5)
        while !all.contains(event) {
            if arrival.wait(timeout: deadline) == .timedOut { return all.contains(event) }
        }
        return true
    }
}

/// A directory that is removed with its content.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/fastcgi-XXXXXX".utf8CString)
        guard
            unsafe template.withUnsafeMutableBufferPointer({ unsafe $0.baseAddress.flatMap { unsafe mkdtemp($0) } })
                != nil
        else { throw FastCGIError.system(call: "mkdtemp", code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["responder.sock"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }
}
