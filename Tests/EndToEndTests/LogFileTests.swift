import Foundation
import Glibc
import JSON
import Synchronization
import System
import TestSupport
import Testing

/// The file of the log, and what is written without one.
@Suite struct LogFileTests {
    /// Prepares the sample for logrotate(8): the paths of the log are those of the folder, and `systemctl` is a script
    /// that knows only this main process of the service.
    ///
    /// - Parameter main: nil: the service is stopped.
    private func prepareRotation(in folder: String, main: pid_t?) throws {
        let sample = String(decoding: try Files.read(Stack.root + "/deploy/logrotate"), as: UTF8.self)
        let paths = "/var/log/flow-manager/*.log {"
        #expect(sample.contains(paths))
        try write(sample.replacing(paths, with: "\(folder)/flow-manager.log {"), to: folder + "/logrotate.conf")
        unsafe mkdir(folder + "/bin", 0o700)
        let signal = main.map { "kill -USR1 \($0)" } ?? "exit 1"
        try write(
            """
            #!/bin/sh
            case "$*" in
                'is-active --quiet flow-manager.service') \(main == nil ? "exit 3" : "exit 0") ;;
                'kill --kill-whom=main --signal=USR1 flow-manager.service') \(signal) ;;
                *) exit 1 ;;
            esac

            """, to: folder + "/bin/systemctl")
        #expect(unsafe chmod(folder + "/bin/systemctl", 0o700) == 0)
    }

    private func write(_ text: String, to path: String) throws {
        let descriptor = try Files.openToAppend(path)
        defer { close(descriptor) }
        Files.write(Array(text.utf8), to: descriptor)
    }

    private func rotate(in folder: String) throws {
        var environment = Environment.current
        environment["PATH"] = "\(folder)/bin:\(environment["PATH"] ?? "")"
        try run(
            "/usr/sbin/logrotate",
            ["--force", "--state", folder + "/logrotate.state", folder + "/logrotate.conf"], environment)
    }

    @Test func rotationSucceedsWhileTheServiceIsStopped() throws {
        var template = Array("/tmp/rotation.XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? run("/bin/rm", ["-rf", folder], [:]) }
        try write("the last line\n", to: folder + "/flow-manager.log")
        try prepareRotation(in: folder, main: nil)
        try rotate(in: folder)
        #expect(try Files.read(folder + "/flow-manager.log.1") == Array("the last line\n".utf8))
    }

    /// The file of the log that a process has open.
    private func logFile(of process: pid_t, in stack: Stack) -> String? {
        (3..<64).lazy.compactMap { descriptor -> String? in
            var bytes = [CChar](repeating: 0, count: 256)
            let count = unsafe readlink("/proc/\(process)/fd/\(descriptor)", &bytes, 256)
            let target = String(decoding: bytes.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
            return target.contains("/flow-manager.log") ? target : nil
        }.first
    }

    @Test func rotationWhileRequestsRunLosesNoLine() throws {
        let stack = try Stack(settings: ["LOG_FORMAT": "json"])
        let processes = stack.processes.filter {
            ["serve", "respond", "work"].contains($0.arguments.dropFirst().first)
        }
        #expect(processes.count == 4)
        let supervisor = try #require(processes.first { $0.arguments.dropFirst().first == "serve" }).id
        try prepareRotation(in: stack.folder, main: supervisor)
        let isOver = Atomic(false)
        defer { isOver.store(true, ordering: .relaxed) }
        let sent = Mutex<[String]>([])
        let callers = try (0..<3).map { caller in
            try NativeThread {
                var number = 0
                while !isOver.load(ordering: .relaxed) {
                    let id = "rotated-\(caller)-\(number)"
                    guard (try? stack.get("/health", headers: [("X-Request-Id", id)]))?.status == 200 else { continue }
                    sent.withLock { $0.append(id) }
                    number += 1
                }
            }
        }
        for _ in 0..<2 {
            // logrotate leaves an empty file.
            try stack.waitForLog { !stack.log.isEmpty }
            try rotate(in: stack.folder)
            try eventually("every process has opened the new file") {
                processes.allSatisfy { logFile(of: $0.id, in: stack) == stack.folder + "/flow-manager.log" }
            }
        }
        isOver.store(true, ordering: .relaxed)
        callers.forEach { $0.join() }

        let ids = sent.withLock(\.self)
        // The last lines may be from before the last rotation.
        try stack.waitForLog {
            let earlier = try Files.read(stack.folder + "/flow-manager.log.1", limit: 64 << 20)
            let logged = String(decoding: earlier, as: UTF8.self) + stack.log
            return ids.suffix(3).allSatisfy(logged.contains)
        }
        try run("/usr/bin/gzip", ["-d", stack.folder + "/flow-manager.log.2.gz"], Environment.current)
        var found: [String: Int] = [:]
        for name in ["flow-manager.log.2", "flow-manager.log.1", "flow-manager.log"] {
            for line in try Files.read("\(stack.folder)/\(name)", limit: 64 << 20).split(separator: 0x0A) {
                if let id = try JSON(parsing: Array(line))["request_id"]?.stringValue { found[id, default: 0] += 1 }
            }
        }
        #expect(ids.count > 10)
        for id in ids { #expect(found[id] == 1) }
    }

    /// A responder that still waits for the body of its last call.
    @Test func aDrainingResponderOpensTheNewFile() throws {
        let stack = try Stack()
        let former = Set(stack.processes.filter { $0.arguments.dropFirst().first == "respond" }.map(\.id))
        /// The numbers of threads of those that run.
        func threads() -> [Int32: Int] {
            former.reduce(into: [:]) { counts, id in
                counts[id] = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task").count
            }
        }
        let before = threads()
        let call = try FastCGIClient(path: stack.socket)
        let body = Array(#"{"email":"unknown@example.org","password":"any"}"#.utf8)
        try call.send(
            FastCGIClient.begin() + FastCGIClient.params(stack.params("POST", "/login", length: body.count)))
        try eventually("a thread waits for the body") {
            try stack.get("/status?full").text.contains("POST /login")
        }
        for responder in former { kill(responder, SIGTERM) }
        try eventually("only the thread with the call is left") {
            let left = threads()
            return left.count == 1 && left.allSatisfy { $1 < before[$0] ?? 0 }
        }
        let draining = try #require(threads().keys.first)
        let path = stack.folder + "/flow-manager.log"
        try #require(unsafe rename(path, path + ".1") == 0)
        kill(draining, SIGUSR1)
        try eventually("the process that drains has opened the new file") { logFile(of: draining, in: stack) == path }
        try call.send(FastCGIClient.body(body))
        #expect(try call.answer().status == 401)
        try stack.waitForLog { stack.log.contains("route=/login") }
    }

    /// The setting makes the Swift runtime of each process write a line to standard error.
    @Test func withoutAFileEveryProcessWritesToTheSupervisorsStandardError() throws {
        let stack = try Stack.shared.get()
        let socket = stack.folder + "/other.sock"
        let environment = stack.environment.merging([
            "SOCKET": socket, "LOG_FILE": "", "LOG_FORMAT": "json", "SWIFT_BACKTRACE": "canary=yes",
        ]) { $1 }
        var ends: [Int32] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let supervisor = try ChildProcess.spawn(
            Stack.executable, arguments: ["serve"], environment: environment, descriptors: [2: ends[1]])
        close(ends[1])
        defer { supervisor.send(.kill) }
        var (bytes, chunk, isStopped) = ([UInt8](), [UInt8](repeating: 0, count: 65_536), false)
        while !readable(among: [ends[0]], until: .now + .seconds(30)).isEmpty {
            let count = unsafe read(ends[0], &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
            guard !isStopped, String(decoding: bytes, as: UTF8.self).contains("\"all-ready\"") else { continue }
            let answer = try FastCGIClient(path: socket).exchange(stack.params("GET", "/health"))
            #expect(answer.status == 200)
            supervisor.send(.terminate)
            isStopped = true
        }
        let lines = bytes.split(separator: 0x0A).map { Array($0) }
        // The supervisor's own runtime has written before the program began.
        #expect(lines.count { !$0.starts(with: "{".utf8) } == 1)
        let objects = try lines.filter { $0.starts(with: "{".utf8) }.map { try JSON(parsing: $0) }
        let outputs = objects.filter { $0["event"] == "output" }
        #expect(Set(outputs.compactMap { $0["role"]?.stringValue }) == ["responder", "worker"])
        #expect(outputs.allSatisfy { $0["line"]?.stringValue?.contains("canary") == true })
        let requests = objects.filter { $0["event"] == "request" }
        #expect(requests.count == 1 && requests.allSatisfy { $0["pid"] != .integer(Int64(supervisor.id)) })
        #expect(objects.last?["event"] == "worker-exited" || objects.last?["event"] == "responder-exited")
    }
}
