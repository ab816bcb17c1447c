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

    /// Kills all of them, and returns when none is left, however long that takes. No other thread may start any.
    package static func end() {
        while reap() != nil { kill { ProcessTable.children(of: getpid()) } }
    }

    /// Lets this process become the parent of what a child leaves behind when it is killed, for `endOrphans`.
    package static func adoptOrphans() throws(ProcessError) {
        guard fm_adopt_orphans() == 0 else { throw ProcessError("prctl") }
    }

    /// Kills what dead children have left behind, until none of that is left, for some seconds at most: the kernel may
    /// not let a process end that waits for a disk. Only one thread may call it at a time.
    ///
    /// The children that this process starts are in its session, which a process can leave but not enter: those of
    /// another session are programs, or were started by them.
    ///
    /// - Returns: whether none is left.
    package static func endOrphans(within limit: Duration = .seconds(5)) -> Bool {
        let session = getsid(0)
        var orphans: [pid_t] {
            // A child that another thread has just reaped has no session.
            ProcessTable.children(of: getpid()).filter { id in
                let other = getsid(id)
                return other > 0 && other != session
            }
        }
        let deadline = Monotonic.now + limit
        while !orphans.isEmpty {
            guard deadline > .now else { return false }
            kill { orphans }
            for id in orphans { waitpid(id, nil, WNOHANG) }
        }
        return true
    }

    /// Kills these processes and those below them.
    ///
    /// First it stops each one as soon as it is found: a stopped process starts no others. One that has ended is not
    /// reaped yet, so that it still counts against the limit of processes, and those that replace themselves
    /// cannot outrun this.
    private static func kill(_ processes: () -> [pid_t]) {
        var stopped: Set<pid_t> = []
        while stop(processes(), &stopped) {}
        for id in stopped { Glibc.kill(id, SIGKILL) }
        // They end as soon as the kernel schedules them.
        poll(nil, 0, 1)
    }

    /// Stops these processes and those below them that are not among those that were stopped before; returns whether
    /// there are any.
    private static func stop(_ processes: [pid_t], _ stopped: inout Set<pid_t>) -> Bool {
        var hasFound = false
        for id in processes {
            if stopped.insert(id).inserted {
                Glibc.kill(id, SIGSTOP)
                hasFound = true
            }
            if stop(ProcessTable.children(of: id), &stopped) { hasFound = true }
        }
        return hasFound
    }
}
