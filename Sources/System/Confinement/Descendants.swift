import CConfinement
import Glibc

/// All processes that this one has started, directly and indirectly.
package enum Descendants {
    /// Lets this process become the parent of each descendant that loses its own, also of one with a session of its own
    /// (prctl(2), PR_SET_CHILD_SUBREAPER). Other processes of its user cannot look into it.
    package static func adopt() throws(ProcessError) {
        guard fm_adopt_descendants() == 0 else { throw ProcessError("prctl") }
    }

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

    /// Kills all of them, and returns when none is left; false after ten seconds.
    ///
    /// First it stops each one: a stopped process starts no others and still counts against the limit of processes, so
    /// that those which are being started cannot outrun this.
    package static func end() -> Bool {
        let deadline = Monotonic.now + .seconds(10)
        while reap() != nil {
            guard .now < deadline else { return false }
            var stopped: Set<pid_t> = []
            while true {
                let running = all().subtracting(stopped)
                if running.isEmpty { break }
                for id in running { kill(id, SIGSTOP) }
                stopped.formUnion(running)
                guard .now < deadline else { break }
            }
            for id in stopped { kill(id, SIGKILL) }
            // They end as soon as the kernel schedules them.
            poll(nil, 0, 1)
        }
        return true
    }

    private static func all() -> Set<pid_t> {
        var children: [pid_t: [pid_t]] = [:]
        for id in ProcessTable.ids {
            guard let status = ProcessStatus(of: id), !status.isDead else { continue }
            children[status.parent, default: []].append(id)
        }
        var found: Set<pid_t> = []
        var next = children[getpid()] ?? []
        while let id = next.popLast() {
            if found.insert(id).inserted { next += children[id] ?? [] }
        }
        return found
    }
}
