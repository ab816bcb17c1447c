package import Glibc
package import System

/// An event of the supervisor. The observer decides which events are logged.
package enum SupervisorEvent: Hashable, Sendable {
    /// A child was started in that slot; it is not ready yet.
    case started(Role, slot: Int, pid: pid_t)
    /// A child is ready.
    case ready(Role, slot: Int, pid: pid_t)
    /// Every slot has a child that is ready: after the start, and again after a child was lost.
    case allReady
    /// A child could not be started; the start is retried.
    case startFailed(Role, slot: Int, ProcessError)
    /// A child exited, asked to or not, that long after its start.
    case exited(Role, slot: Int, pid: pid_t, ExitCause, age: Duration)
    /// A child is being replaced.
    case recycling(Role, slot: Int, pid: pid_t, ReplacementReason)
    /// A request has occupied a thread of that responder for too long, so that the responder is being replaced.
    case requestOverdue(LongRequest, slot: Int, pid: pid_t)
    /// The children of that slot repeatedly exit early: the next one starts after `delay`.
    case backingOff(Role, slot: Int, delay: Duration)
    /// A child was not ready, or did not exit, in time and is killed.
    case overdue(Role, slot: Int, pid: pid_t)
    /// A child has sent no heartbeat for too long and is killed.
    case hung(Role, slot: Int, pid: pid_t)
    /// A child, or a library in it, wrote this to standard error; a long line is cut.
    case output(Role, slot: Int, pid: pid_t, line: String)
    /// So many children have crashed within the interval that all are being replaced.
    case emergencyRestart(crashes: Int)
    /// The children are being replaced one by one.
    case reloading
    /// Every child was started after the last request to reload.
    case reloaded
    /// The successor in that slot exited or did not become ready; the existing children stay.
    case reloadAbandoned(slot: Int)
    /// A kept connection of an exiting responder could not be handed over and was closed.
    case connectionDropped
    /// The children drain and exit.
    case terminating
}
