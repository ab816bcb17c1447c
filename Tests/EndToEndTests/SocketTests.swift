import Glibc
import System
import TestSupport
import Testing

/// The socket of a pool, and that it has one supervisor.
@Suite(.serialized) struct SocketTests {
    private let stack: Stack

    init() throws { stack = try Stack() }

    private var supervisor: Int32 {
        get throws { try #require(stack.processes.first { $0.arguments.dropFirst().first == "serve" }?.id) }
    }

    private func status(over client: FastCGIClient) throws -> Int {
        try client.exchange(stack.params("GET", "/health")).status
    }

    /// By removal, and by the socket of a process that has ended.
    @Test(arguments: [false, true]) func aLostSocketIsBoundAgain(isReplaced: Bool) throws {
        let kept = try (0..<8).map { _ in try FastCGIClient(path: stack.socket) }
        for client in kept { #expect(try status(over: client) == 200) }
        let responders = Set(stack.processes.filter { $0.arguments.contains("respond") }.map(\.id))
        unsafe unlink(stack.socket)
        if isReplaced { close(bound(to: stack.socket)) }
        let limit = Monotonic.now + .seconds(10)
        var new: FastCGIClient?
        while new == nil, limit > .now {
            new = try? FastCGIClient(path: stack.socket)
            for client in kept { #expect(try status(over: client) == 200) }
        }
        #expect(try status(over: try #require(new)) == 200)
        try stack.waitForLog { stack.log.contains(" error socket-restored ") }
        // Each of them accepts from the new socket.
        for _ in 0..<32 { #expect(try status(over: try FastCGIClient(path: stack.socket)) == 200) }
        #expect(Set(stack.processes.filter { $0.arguments.contains("respond") }.map(\.id)) == responders)
        #expect(try stack.get("/health").status == 200)
        #expect(try stack.command(["status"]).status == 0)
    }

    /// A socket that is bound to the path, which does not listen.
    private func bound(to path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let status = unsafe withUnsafePointer(to: address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(status == 0)
        return descriptor
    }

    @Test func aSecondSupervisorIsRefusedAlsoWithoutTheSocketsFile() throws {
        let supervisor = try supervisor
        // It must find the socket missing, and so be faster than the inspection, or else be refused all the same.
        for _ in 0..<3 {
            unsafe unlink(stack.socket)
            let second = try stack.command(["serve"])
            #expect(second.status == 1)
            #expect(
                second.output == "flow-manager serve: process \(supervisor) already serves \(stack.socket); "
                    + "stop it first, or set another SOCKET\n")
        }
        try stack.waitForLog { stack.log.contains("socket-restored") }
        #expect(try stack.get("/ready").status == 200)
    }

    /// Connections wait in its queue while there is no supervisor, as systemd promises.
    @Test func aSocketOfTheServiceManagerOutlivesTheSupervisor() throws {
        let path = stack.folder + "/inherited.sock"
        let listening = bound(to: path)
        defer { close(listening) }
        #expect(listen(listening, 16) == 0)
        let settings = stack.environment.merging([
            "SOCKET": path, "LOG_FILE": stack.folder + "/inherited.log", "WORKERS": "0",
        ]) { $1 }
        for _ in 0..<2 {
            let waiting = try FastCGIClient(path: path)
            try waiting.send(FastCGIClient.request(stack.params("GET", "/health")))
            let supervisor = try ChildProcess.spawn(
                "/bin/sh",
                arguments: ["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve", Stack.executable],
                environment: settings, descriptors: [0: 0, 1: 2, 2: 2, 3: listening])
            #expect(try waiting.answer().status == 200)
            supervisor.send(.terminate)
            #expect(supervisor.wait() == .exited(0))
        }
    }

    /// systemd passes one that is connected for `Accept=yes`, and a FIFO or a file for other units.
    @Test func aDescriptorThatDoesNotListenIsNamed() throws {
        let result = try Stack.command(
            ["-c", "exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve", Stack.executable], of: "/bin/sh",
            environment: stack.environment)
        #expect(result.status == 1)
        #expect(
            result.output
                == "flow-manager serve: the socket that the service manager passes (LISTEN_FDS) does not listen: "
                + "systemd's unit needs ListenStream=, and no Accept=yes\n")
    }

    @Test func aKilledSupervisorLeavesNoLock() throws {
        kill(try supervisor, SIGKILL)
        try eventually("its children have ended") { stack.processes.allSatisfy { !$0.arguments.contains("respond") } }
        let successor = try ChildProcess.spawn(
            Stack.executable, arguments: ["serve"], environment: stack.environment, descriptors: [0: 0, 1: 2, 2: 2])
        defer {
            successor.send(.terminate)
            _ = successor.wait()
        }
        try eventually("the successor serves") { try stack.get("/ready").status == 200 }
    }
}
