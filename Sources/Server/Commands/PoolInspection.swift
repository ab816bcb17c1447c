import FastCGI
import SharedMemory
import Supervision
import System

/// What the supervisor looks at once a second beside its children: whether the socket can be reached, how busy the pool
/// is, and with what. It owns the socket's file and the lock of the installation.
final class PoolInspection {
    private(set) var listener: Listener
    /// Nil for a socket on TCP, or one that another process has opened: the kernel, or that process, gives it to one
    /// supervisor only.
    private let lock: InstallationLock?
    private let record: PoolRecord
    private let scoreboard: Scoreboard
    private let observe: Observer
    /// Why the socket was not bound again last time; nil if it is in place.
    private var failure: FastCGIError?

    /// Adopts a socket of a service manager, or else acquires the lock and binds the socket. Throws if another process
    /// has either.
    init(_ invocation: Invocation, _ memory: SharedMemory, _ observe: @escaping Observer) throws {
        let configuration = invocation.configuration
        let address = try configuration.listening
        let inherited = try Listener.inherited(invocation.environment)
        lock = try Self.lock(address, inFolder: try configuration.stateFolder)
        listener = try inherited ?? Listener.bind(to: address)
        record = PoolRecord(in: memory)
        scoreboard = Scoreboard(in: memory)
        self.observe = observe
        record.raise(.started, to: Int(WallClock.seconds))
    }

    func run() -> Inspection {
        let responders = scoreboard.processes.filter { $0.role == .responder }
        recordMaxima(of: responders)
        var inspection = Inspection()
        for process in responders { inspection.children[process.id] = figures(of: process) }
        // Before the socket is bound again: another supervisor, which has the lock by now, binds it.
        if let lock, !lock.renew() {
            inspection.mustEnd = true
            observe(.installationLost(lock: lock.path))
        } else if let path = listener.missingFile {
            inspection.socket = bindAgain(at: path)
        }
        return inspection
    }

    /// To be called once, when the supervisor has ended.
    func end() { listener.removeFile() }

    private static func lock(_ address: ListeningAddress, inFolder folder: String) throws -> InstallationLock? {
        guard case .unix(let path) = address else { return nil }
        do throws(InstallationLock.Failure) {
            return try InstallationLock(socket: path, inFolder: folder)
        } catch {
            throw SupervisorRefusal(error, socket: path, folder: folder)
        }
    }

    private func recordMaxima(of processes: [Scoreboard.Process]) {
        let responders = Load(of: processes, .responder)
        record.raise(.maxActiveProcesses, to: responders.activeProcesses)
        record.raise(.maxActiveThreads, to: responders.activeThreads)
        if let queue = ListenQueue(of: listener.descriptor) { record.raise(.maxListenQueue, to: queue.length) }
    }

    private func figures(of process: Scoreboard.Process) -> ChildFigures {
        let busy = process.threads.filter(\.isBusy).compactMap { thread in thread.since.map { (thread, $0) } }
        let longest = busy.min { $0.1 < $1.1 }.map { thread, since in
            LongRequest(endpoint: thread.activity.flatMap { Activities.names[$0] }, duration: .now - since)
        }
        return ChildFigures(
            requests: process.threads.reduce(0) { $0 + Int(clamping: $1.count) }, longestRequest: longest)
    }

    /// The socket of a new file in place of one that was removed, or replaced by a stale one; nil if that failed, which
    /// is reported once.
    private func bindAgain(at path: String) -> Int32? {
        do throws(FastCGIError) {
            listener = try Listener.bind(path: path)
            failure = nil
            observe(.socketRestored(path: path))
            return listener.descriptor
        } catch {
            if error != failure { observe(.socketNotRestored(path: path, error)) }
            failure = error
            return nil
        }
    }
}

/// Why a supervisor does not start beside another one.
struct SupervisorRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ failure: InstallationLock.Failure, socket: String, folder: String) {
        switch failure {
        case .held(let process):
            let holder = process.map { "process \($0)" } ?? "another process"
            description = "\(holder) already serves \(socket); stop it first, or set another SOCKET"
        case .system(let error):
            description = "STATE_DIR (\(folder)) must be a folder in which the supervisor can create files: \(error)"
        }
    }
}
