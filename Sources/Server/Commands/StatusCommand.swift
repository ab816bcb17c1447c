import JSON
import SharedMemory
import System

/// `status`: prints what the pool does, read from its memory, so also while none of its threads answers.
enum StatusCommand {
    static let forms = [
        CommandForm(arguments: "[--full] [--json]", summary: "Print the state of the pool; --full: of each thread")
    ]

    static func run(_ invocation: Invocation) throws {
        guard invocation.words(flags: ["--full", "--json"]).isEmpty else { throw UsageError("status", forms) }
        let pool = try RunningPool.find(
            listeningAt: try invocation.configuration.socket, folder: try invocation.configuration.stateFolder)
        if let file = pool.file {
            Files.write(Array("flow-manager status: no supervisor: this is what \(file) has\n".utf8), to: 2)
        }
        let status = PoolStatus(of: pool.memory, queue: pool.queue, time: WallClock.nanoseconds / 1_000_000)
        let isFull = invocation.arguments.contains("--full")
        if invocation.arguments.contains("--json") {
            print(status.json(isFull: isFull).text)
        } else {
            print(status.text(isFull: isFull), terminator: "")
        }
    }
}

/// A pool that runs on this machine, seen from outside.
struct RunningPool {
    let memory: SharedMemory
    /// Nil if no process listens on the socket.
    let queue: ListenQueue?
    /// The file in which processes without a supervisor count; nil: they have one.
    var file: String?

    /// Finds the processes that listen on the socket by what the kernel tells of them: a connection to the socket would
    /// wait behind others. If a supervisor has started none of them, their memory is the file in `folder`.
    ///
    /// Throws `Failure`.
    static func find(listeningAt path: String, folder: String) throws -> RunningPool {
        guard path.contains("/") else { throw Failure.onTCP(address: path) }
        let socket = SocketFile(at: path)
        var queue: ListenQueue?
        for process in socket == nil ? [] : ProcessTable.ids {
            let descriptors = ProcessTable.descriptors(of: process)
            guard let found = self.queue(of: socket, among: descriptors.values) else { continue }
            if let memory = descriptors.first(where: { $0.value == SharedMemory.descriptorLink })?.key {
                return RunningPool(memory: try read("/proc/\(process)/fd/\(memory)"), queue: found)
            }
            queue = found
        }
        let file = try? SharedMemory.path(inFolder: folder)
        if let file, let memory = try? SharedMemory(readingFile: file) {
            return RunningPool(memory: memory, queue: queue, file: file)
        }
        throw socket == nil ? Failure.noSocket(path: path) : .notFound(path: path)
    }

    private static func queue(of file: SocketFile?, among descriptors: some Sequence<String>) -> ListenQueue? {
        descriptors.lazy.compactMap { socket($0) }.compactMap { ListenQueue(ofUnixSocket: $0) }.first {
            $0.file == file
        }
    }

    private static func read(_ descriptor: String) throws -> SharedMemory {
        do {
            return try SharedMemory(reading: descriptor)
        } catch SharedMemoryError.incompatible {
            throw Failure.otherVersion
        }
    }

    /// The inode in a text like `socket:[123]`.
    private static func socket(_ descriptor: String) -> UInt64? {
        guard descriptor.hasPrefix("socket:["), descriptor.hasSuffix("]") else { return nil }
        return UInt64(descriptor.dropFirst("socket:[".count).dropLast())
    }

    /// Why the pool cannot be shown.
    enum Failure: Error, CustomStringConvertible {
        case onTCP(address: String)
        case noSocket(path: String)
        case notFound(path: String)
        case otherVersion

        var description: String {
            switch self {
            case .onTCP(let address):
                "the SOCKET \(address) is an address of TCP, by which the pool's memory is not found: GET /status "
                    + "shows the same"
            case .noSocket(let path): "no pool listens on \(path)"
            case .notFound(let path):
                """
                no pool listens on \(path), or it belongs to a different user: only that user and root can read its \
                state; run this command as one of them
                """
            case .otherVersion:
                "the pool runs another version of the program: use the executable that `flow-manager serve` was "
                    + "started from"
            }
        }
    }
}
