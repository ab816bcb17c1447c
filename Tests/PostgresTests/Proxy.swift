import Foundation
import Postgres
import Synchronization

/// A unix-socket proxy in front of the test server that injects a fault at a chosen moment.
final class Proxy: Sendable {
    enum Fault {
        /// Forwards the COMMIT, and then neither its response nor anything else.
        case silentAfterCommit
        /// Forwards the COMMIT and closes the connection before its response.
        case cutAfterCommit
        /// Forwards the COMMIT and then sends the error of a pooler that has lost its server.
        case poolerFailsAfterCommit
        /// Reads everything and forwards nothing.
        case blackHole
        /// Listens, but never accepts.
        case neverAccepts
    }

    private let directory: String
    private let listener: Int32
    private let fault: Mutex<Fault?>
    /// How often data was received from the client: the number of round trips, if they are small.
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
        if fault != .neverAccepts {
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
    private static let poolerError: [UInt8] = {
        let fields = Array("SFATAL\0C08P01\0Mserver conn crashed?\0\0".utf8)
        return Array("E".utf8) + [0, 0, 0, UInt8(fields.count + 4)] + fields
    }()

    /// Copies bytes until the end or until the fault; descriptors are not closed.
    private func pump(from source: Int32, to destination: Int32, isRequest: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var isSilent = false
        while case let count = unsafe read(source, &buffer, buffer.count), count > 0 {
            if isRequest { requestCount.add(1, ordering: .relaxed) }
            let fault = fault.withLock { $0 }
            // Any occurrence of the word, even in a comment.
            let commits = isRequest && buffer[..<count].firstRange(of: Array("COMMIT".utf8)) != nil
            isSilent = isSilent || fault == .blackHole
            if isSilent { continue }
            // The other direction is silenced first, otherwise the response could arrive before the fault.
            if commits && fault != nil { set(.blackHole) }
            _ = unsafe send(destination, buffer, count, Int32(MSG_NOSIGNAL))
            if commits && fault == .poolerFailsAfterCommit {
                _ = unsafe send(source, Self.poolerError, Self.poolerError.count, Int32(MSG_NOSIGNAL))
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
