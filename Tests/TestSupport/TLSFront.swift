import Glibc
import System

/// TLS in front of loopback servers, with a certificate that only `authorities` trusts (`Tests/Fixtures/tls_front.py`).
package final class TLSFront: Sendable {
    /// One for each server.
    package let ports: [UInt16]
    private let folder: String
    private let process: ChildProcess
    private let lifeline: Lifeline

    /// A PEM file of the certificate.
    package var authorities: String { folder + "/certificate" }

    package init(to servers: LoopbackServer...) throws {
        var template = Array("/tmp/flow-manager-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        lifeline = try Lifeline()
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw TestFailure("pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        process = try ChildProcess.spawn(
            "/usr/bin/env",
            arguments: ["python3", Stack.root + "/Tests/Fixtures/tls_front.py", folder]
                + servers.map { "\($0.port)" },
            environment: Environment.current, descriptors: [0: lifeline.readEnd, 1: ends[1], 2: 2])
        close(ends[1])
        ports = Self.text(from: ends[0]).split(separator: "\n").compactMap { UInt16($0) }
        guard ports.count == servers.count else { throw TestFailure("no TLS") }
    }

    deinit {
        lifeline.cut()
        _ = process.wait()
        for name in ["key", "certificate"] { unsafe unlink(folder + "/" + name) }
        unsafe rmdir(folder)
    }

    /// What is written until the pipe is closed.
    private static func text(from descriptor: Int32) -> String {
        var (text, piece) = ([UInt8](), [UInt8](repeating: 0, count: 256))
        while true {
            let count = unsafe read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }
}
