import Foundation
import Postgres
import Synchronization

/// A unix-socket proxy in front of the test server, whose network can be made to fail at a chosen moment.
final class Proxy: Sendable {
    enum Fault {
        /// Passes the COMMIT on, and then neither its answer nor anything else.
        case silentAfterCommit
        /// Passes the COMMIT on and cuts the connection before its answer.
        case cutAfterCommit
        /// Passes the COMMIT on and ends as a pooler does that has lost its server.
        case poolerFailsAfterCommit
        /// From the start takes everything in and passes nothing on.
        case blackHole
        /// Listens, but never accepts.
        case deaf
    }

    private let directory: String
    private let listener: Int32
    private let fault: Mutex<Fault?>
    /// How often something came from the client: its round trips, as long as they are small.
    let requestCount = Atomic(0)

    /// The server of `configuration`, through this proxy.
    let configuration: PostgresConfiguration

    init(to configuration: PostgresConfiguration, fault: Fault? = nil) throws {
        var template = Array("/tmp/proxy.XXXXXX\0".utf8.map(CChar.init(bitPattern:)))
        directory = unsafe String(cString: mkdtemp(&template))
        listener = try unixSocket(at: directory, connecting: false)
        self.fault = Mutex(fault)
        var proxied = configuration
        proxied["host"] = directory
        self.configuration = proxied
        let server = configuration["host"] ?? ""
        if fault != .deaf {
            Thread.detachNewThread { [listener] in
                while case let client = accept(listener, nil, nil), client >= 0 {
                    Thread.detachNewThread { self.serve(client, server) }
                }
            }
        }
    }

    func set(_ newFault: Fault?) { fault.withLock { $0 = newFault } }

    /// Ends the listener; call it at the end of a test.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func serve(_ client: Int32, _ server: String) {
        guard let upstream = try? unixSocket(at: server, connecting: true) else { return }
        Thread.detachNewThread {
            self.pump(from: upstream, to: client, isRequest: false)
            shutdown(client, Int32(SHUT_RDWR))
        }
        pump(from: client, to: upstream, isRequest: true)
        shutdown(upstream, Int32(SHUT_RDWR))
    }

    /// The ErrorResponse (PostgreSQL documentation, section 55.7) of pgbouncer.
    private static let farewell: [UInt8] = {
        let fields = Array("SFATAL\0C08P01\0Mserver conn crashed?\0\0".utf8)
        return Array("E".utf8) + [0, 0, 0, UInt8(fields.count + 4)] + fields
    }()

    /// Copies bytes until the end or until the fault that is due; descriptors are left to the end of the process.
    private func pump(from source: Int32, to destination: Int32, isRequest: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var isSilent = false
        while case let count = unsafe read(source, &buffer, buffer.count), count > 0 {
            if isRequest { requestCount.add(1, ordering: .relaxed) }
            let fault = fault.withLock { $0 }
            // Whatever says so, be it in a comment.
            let commits = isRequest && buffer[..<count].firstRange(of: Array("COMMIT".utf8)) != nil
            isSilent = isSilent || fault == .blackHole
            if isSilent { continue }
            // The other direction goes silent first, or the answer could overtake the fault.
            if commits && fault != nil { set(.blackHole) }
            _ = unsafe write(destination, buffer, count)
            if commits && fault == .poolerFailsAfterCommit {
                _ = unsafe write(source, Self.farewell, Self.farewell.count)
            }
            if commits && (fault == .cutAfterCommit || fault == .poolerFailsAfterCommit) { return }
        }
    }
}

private struct SocketFailure: Error {}

private func unixSocket(at directory: String, connecting: Bool) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array((directory + "/.s.PGSQL.5432").utf8) + [0]
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            connecting ? unsafe connect(descriptor, address, length) : unsafe bind(descriptor, address, length)
        }
    }
    guard result == 0, connecting || listen(descriptor, 16) == 0 else { throw SocketFailure() }
    return descriptor
}
