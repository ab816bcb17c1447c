import Glibc
import SharedMemory

/// The memory in which the processes of a pool count together.
struct PoolMemory {
    /// The environment variable that tells children of the supervisor the descriptor of its memory.
    static let variable = "FLOW_MANAGER_MEMORY"

    /// Whether the environment is that of a supervisor's child.
    static func isSupervised(_ environment: [String: String]) -> Bool { environment[variable] != nil }

    let memory: SharedMemory
    /// False: no other process has this memory, so that what counts for all of them is counted in the database.
    let isShared: Bool
    /// The parent process of the pool: the supervisor, or without one this process.
    let main: pid_t

    /// The memory of the supervisor, or of a file in `folder` if there is no supervisor or its layout version differs;
    /// without both, memory of this process alone. The observer gets the reasons.
    static func open(
        _ environment: [String: String], folder: String, _ observe: (Observation) -> Void
    ) throws -> PoolMemory {
        if let descriptor = environment[variable].flatMap({ Int32($0) }) {
            do {
                return PoolMemory(
                    memory: try SharedMemory(adopting: descriptor), isShared: true, main: getppid())
            } catch {
                observe(.sharedMemoryRefused(error))
            }
        }
        do {
            return PoolMemory(memory: try SharedMemory(inFolder: folder), isShared: true, main: getpid())
        } catch {
            observe(.memoryFileRefused(folder: folder, error))
            return PoolMemory(memory: try SharedMemory(), isShared: false, main: getpid())
        }
    }
}
