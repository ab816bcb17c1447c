import CConfinement
import Glibc

/// All processes that this one has started, directly and indirectly.
package enum Descendants {
    /// Lets this process become the parent of each descendant that loses its own, also of one with a session of its own
    /// (prctl(2), PR_SET_CHILD_SUBREAPER). Other processes of its user cannot look into it.
    package static func adopt() throws(ProcessError) {
        guard fm_adopt_descendants() == 0 else { throw ProcessError("prctl") }
    }

    /// Whether the kernel lists the children of a process (CONFIG_PROC_CHILDREN), without which they cannot be ended.
    package static var areListed: Bool { unsafe access("/proc/thread-self/children", R_OK) == 0 }

    /// How children have ended since the last call, by their ids; nil if there are no children left.
    package static func reap() -> [Int32: ExitCause]? {
        var ended: [Int32: ExitCause] = [:]
        while true {
            var status: Int32 = 0
            let id = unsafe waitpid(-1, &status, WNOHANG)
            if id > 0 {
                ended[id] = ExitCause(status: status)
            } else if id < 0, errno != EINTR {
                return ended.isEmpty ? nil : ended
            } else if id == 0 {
                return ended
            }
        }
    }

    /// Kills all of them, and returns when none is left, however long that takes.
    ///
    /// First it stops each one as soon as it is found: a stopped process starts no others. One that has ended is not
    /// reaped yet, so that it still counts against the limit of processes, and those that replace themselves
    /// cannot outrun this.
    package static func end() {
        while reap() != nil {
            var stopped: Set<pid_t> = []
            while stop(childrenOf: getpid(), &stopped) {}
            for id in stopped { kill(id, SIGKILL) }
            // They end as soon as the kernel schedules them.
            poll(nil, 0, 1)
        }
    }

    /// Stops the processes below this one that are not among those that were stopped before; returns whether there are
    /// any.
    private static func stop(childrenOf parent: pid_t, _ stopped: inout Set<pid_t>) -> Bool {
        var hasFound = false
        for id in ProcessTable.children(of: parent) {
            if stopped.insert(id).inserted {
                kill(id, SIGSTOP)
                hasFound = true
            }
            if stop(childrenOf: id, &stopped) { hasFound = true }
        }
        return hasFound
    }
}
