import Glibc
import System
import TestSupport
import Testing

@testable import Programs

/// What a program cannot reach, although its user could without the stage.
@Suite(.timeLimit(.minutes(2))) struct ReachTests {
    /// Prints what it has reached.
    private static let attempts = """
        #!/usr/bin/env python3
        import ctypes, os, resource, signal, socket, sys
        folder, worker, abstract = sys.argv[1:]
        def attempt(name, body):
            try: body()
            except (OSError, ValueError): return
            print(name)
        def connect(address, kind=socket.SOCK_STREAM):
            with socket.socket(socket.AF_UNIX, kind) as channel: channel.connect(address)
        def send():
            one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            one.sendto(b"1", folder + "/datagrams")
        def system_call(number, *arguments):
            if ctypes.CDLL(None, use_errno=True).syscall(number, *arguments) < 0: raise OSError
        attempt("settings", lambda: open(folder + "/settings").read())
        attempt("state", lambda: os.listdir(folder))
        attempt("write", lambda: open(folder + "/settings", "a").write("1"))
        attempt("create", lambda: open(folder + "/new", "w"))
        shared = "/dev/shm/" + str(os.getpid())
        attempt("shared memory", lambda: (open(shared, "w"), os.unlink(shared)))
        attempt("environment of the parent", lambda: open("/proc/%d/environ" % os.getppid()).read())
        attempt("environment of the worker", lambda: open("/proc/%s/environ" % worker).read())
        attempt("memory of the worker", lambda: open("/proc/%s/mem" % worker, "rb").read(0))
        attempt("socket", lambda: connect(folder + "/socket"))
        attempt("abstract socket", lambda: connect("\\0" + abstract))
        attempt("datagram", send)
        attempt("network", lambda: socket.socket(socket.AF_INET))
        attempt("kernel messages", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
        attempt("signal", lambda: os.kill(int(worker), signal.SIGCONT))
        attempt("trace", lambda: system_call(101, 16, int(worker), 0, 0))
        attempt("ring", lambda: system_call(425, 1, ctypes.create_string_buffer(120)))
        attempt("namespace", lambda: system_call(272, 0x10000000))
        attempt("truncate", lambda: os.truncate(folder + "/settings", 0))
        attempt("limits", lambda: resource.prlimit(int(worker), resource.RLIMIT_CORE, (0, 0)))
        attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, int(worker), 19))
        attempt("queue", lambda: system_call(68, 0, 0o1600))
        attempt("permissions", lambda: os.chmod(folder + "/settings", 0o600))
        print("end")
        """

    private let runs: [(Confinement, ProgramRuns)]
    private let folder: TemporaryPrograms

    init() throws {
        runs = try Confinement.possible.map { ($0, try ProgramRuns($0)) }
        folder = try TemporaryPrograms()
    }

    /// Files and sockets that the user of the programs may use, and a process of that user.
    private func prepare(for user: UserAccount) throws -> (listeners: [Int32], worker: ChildProcess, abstract: String) {
        try folder.write("settings", "SECRET=1", mode: 0o666)
        let abstract = "flow-manager-\(UInt64.random(in: .min ... .max))"
        let listeners = [
            try listener(at: folder.path + "/socket"), try listener(at: "\0" + abstract),
            try listener(at: folder.path + "/datagrams", SOCK_DGRAM),
        ]
        for name in ["", "/settings", "/socket", "/datagrams"] where getuid() == 0 {
            guard unsafe chown(folder.path + name, user.id, user.group) == 0 else { throw TestFailure("chown") }
        }
        let identity = ["--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups"]
        let arguments = (getuid() == 0 ? identity : []) + ["sleep", "1000"]
        let worker = try ChildProcess.spawn(
            "/usr/bin/setpriv", arguments: arguments, environment: ["SECRET": "1"], descriptors: [:])
        return (listeners, worker, abstract)
    }

    private func listener(at path: String, _ kind: __socket_type = SOCK_STREAM) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let status = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, size) }
        }
        guard status == 0, kind != SOCK_STREAM || listen(descriptor, 8) == 0 else { throw TestFailure("bind") }
        return descriptor
    }

    /// The same script reaches everything without the stage.
    @Test func aProgramReachesNothingOfTheService() throws {
        for (confinement, runs) in runs {
            let (listeners, worker, abstract) = try prepare(for: runs.user)
            defer {
                worker.send(.kill)
                _ = worker.wait()
                for listener in listeners { close(listener) }
                for name in ["/settings", "/socket", "/datagrams", "/new"] { unsafe unlink(folder.path + name) }
            }
            let arguments = [folder.path, "\(worker.id)", abstract]
            let result = try runs.run(Self.attempts, arguments)
            // Before version 6, Landlock does not keep a program from sending signals to processes of its user.
            let signals = confinement == .landlock && (Landlock.version ?? 0) < 6 ? "signal\n" : ""
            // Another user than that of the service owns nothing.
            let ownFiles = confinement == .landlock ? "" : "permissions\n"
            let expected = signals + ownFiles + "end\n"
            #expect(String(decoding: result.output, as: UTF8.self) == expected, "\(confinement) \(result)")
            let free = try outside(runs, arguments)
            for name in ["settings", "state", "write", "create", "socket", "abstract socket", "datagram", "network"] {
                #expect(free.contains(name), "\(confinement)")
            }
            for name in ["environment of the worker", "signal", "namespace", "truncate", "limits", "priority", "queue"]
            {
                #expect(free.contains(name), "\(confinement)")
            }
        }
    }

    /// What the script prints as the user of the programs, without a stage.
    private func outside(_ runs: ProgramRuns, _ arguments: [String]) throws -> [String] {
        let user = runs.user
        let identity = getuid() == 0 ? ["--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups"] : []
        let result = try Stack.command(
            identity + [runs.folder.path + "/program"] + arguments, of: "/usr/bin/setpriv", environment: [:])
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test func theNetworkIsASetting() throws {
        let runs = try ProgramRuns(.possible[0], hasNetwork: true)
        let listener = try LoopbackListener()
        let result = try runs.run(
            """
            #!/usr/bin/env python3
            import socket
            socket.create_connection(("127.0.0.1", \(listener.port))).close()
            try: socket.socket(socket.AF_UNIX)
            except PermissionError: print("no unix socket")
            """)
        #expect(String(decoding: result.output, as: UTF8.self) == "no unix socket\n", "\(result)")
    }

    /// A program that the folder has below it does not get the user of its file.
    @Test(.enabled(if: getuid() == 0)) func noProgramChangesItsUser() throws {
        for (_, runs) in runs {
            try runs.folder.write("id", String(decoding: try Files.read("/usr/bin/id"), as: UTF8.self))
            try run("/bin/cp", ["/usr/bin/id", runs.folder.path + "/id"], [:])
            #expect(unsafe chmod(runs.folder.path + "/id", 0o4755) == 0)
            let result = try runs.run("#!/bin/sh\nexec \"$(dirname \"$0\")/id\" -u\n")
            #expect(String(decoding: result.output, as: UTF8.self) == "\(runs.user.id)\n", "\(result)")
            let free = try Stack.command(
                ["--reuid=\(runs.user.id)", runs.folder.path + "/id", "-u"], of: "/usr/bin/setpriv", environment: [:])
            #expect(free.output == "0\n")
        }
    }
}
