import Glibc
import System

/// A running `supervised serve` and the lines that it and its children write.
///
/// The children share the pipe: the end of the lines means that every process of the pool has ended.
final class SupervisedPool {
    /// The expected line was not received before the deadline; `lines` are those that were.
    struct MissingLine: Error {
        let lines: [String]
    }

    /// The executable of new children; a link, so that a test can replace it.
    let executable: String
    let client: Int32
    private(set) var lines: [String] = []
    private let supervisor: ChildProcess
    private let output: Int32
    private var buffer: [UInt8] = []
    private var isReaped = false

    /// - Parameters:
    ///   - script: a shell script that children run instead of the fixture; its `$1` is the executable's path.
    ///   - readiness: the time limit for their readiness, in milliseconds.
    init(responders: Int, workers: Int = 0, script: String? = nil, readiness: Int = 20_000) throws {
        executable = "/tmp/supervised-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        let listening = try listen()
        client = try connect(to: listening)
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw ProcessError("pipe") }
        output = ends[0]
        defer { for descriptor in [listening, ends[1]] { close(descriptor) } }
        Self.deploy(script, at: executable)
        supervisor = try ChildProcess.spawn(
            Self.fixture, arguments: ["serve", executable, "\(responders)", "\(workers)", "\(readiness)"],
            environment: [:], descriptors: [0: listening, 1: ends[1], 2: 2])
    }

    deinit {
        if !isReaped {
            supervisor.send(.kill)
            _ = ending()
        }
        for descriptor in [output, client] { close(descriptor) }
        for path in [executable, executable + ".sh"] { unsafe unlink(path) }
    }

    /// The program in the folder of the test executable.
    static var fixture: String {
        let own = executablePath(argument0: "") ?? ""
        return own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + "supervised"
    }

    /// Replaces the executable of new children by a shell script, or by the fixture if nil.
    func deploy(_ script: String?) {
        Self.deploy(script, at: executable)
    }

    /// Removes the executable of new children.
    func removeExecutable() {
        unsafe unlink(executable)
    }

    /// The first line of a script names its own file, so that the shell reads that. Otherwise it would open `path`,
    /// which may be the fixture by then, and execute the bytes of an ELF file: the `>` among them creates a file.
    private static func deploy(_ script: String?, at path: String) {
        if let script {
            let file = unsafe open(path + ".sh", O_WRONLY | O_CREAT | O_TRUNC, 0o700)
            let bytes = Array("#!/bin/sh \(path).sh\n\(script)\n".utf8)
            _ = unsafe write(file, bytes, bytes.count)
            close(file)
        }
        unsafe symlink(script == nil ? fixture : path + ".sh", path + ".new")
        unsafe rename(path + ".new", path)
    }

    func send(_ signal: Signal) {
        supervisor.send(signal)
    }

    /// Waits for the end of the supervisor.
    func ending() -> ExitCause? {
        _ = waitid(P_PID, id_t(supervisor.id), nil, WEXITED | WNOWAIT)
        isReaped = true
        return supervisor.reap()
    }

    /// The next line that begins with `prefix`.
    @discardableResult
    func line(_ prefix: String, within limit: Duration = .seconds(20)) throws -> String {
        let deadline = Monotonic.now + limit
        while let line = nextLine(until: deadline) {
            if line.hasPrefix(prefix) { return line }
        }
        throw MissingLine(lines: lines)
    }

    /// The process id in the next line that begins with `prefix`: its third word.
    func pid(_ prefix: String, within limit: Duration = .seconds(20)) throws -> pid_t {
        let words = try line(prefix, within: limit).split(separator: " ")
        guard words.count > 2, let pid = pid_t(words[2]) else { throw MissingLine(lines: lines) }
        return pid
    }

    /// All further lines until all processes of the pool have ended.
    func lastLines() throws -> [String] {
        let count = lines.count
        let deadline = Monotonic.now + .seconds(20)
        while nextLine(until: deadline) != nil {}
        guard deadline > .now else { throw MissingLine(lines: lines) }
        return Array(lines[count...])
    }

    /// The next line; nil at the end of the lines or at the deadline.
    private func nextLine(until deadline: Monotonic) -> String? {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeSubrange(...end)
                lines.append(line)
                return line
            }
            guard let bytes = receive(from: output, until: deadline), !bytes.isEmpty else { return nil }
            buffer += bytes
        }
    }
}

/// The bytes that can be read from `descriptor`: empty at its end, nil at the deadline.
func receive(from descriptor: Int32, until deadline: Monotonic = .now + .seconds(20)) -> [UInt8]? {
    guard !readable(among: [descriptor], until: deadline).isEmpty else { return nil }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe read(descriptor, &bytes, 4096)
    return Array(bytes.prefix(max(count, 0)))
}

/// A listening socket at an abstract address of the kernel's choice (unix(7), autobind).
private func listen() throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr()
    address.sa_family = sa_family_t(AF_UNIX)
    guard unsafe bind(descriptor, &address, socklen_t(MemoryLayout<sa_family_t>.size)) == 0,
        listen(descriptor, 8) == 0
    else { throw ProcessError("bind") }
    return descriptor
}

private func connect(to listening: Int32) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    // An abstract address of the kernel's choice is eight bytes long and fits the generic structure.
    var address = sockaddr()
    var size = socklen_t(MemoryLayout<sockaddr>.size)
    guard unsafe getsockname(listening, &address, &size) == 0, unsafe connect(descriptor, &address, size) == 0
    else { throw ProcessError("connect") }
    return descriptor
}
