package import Glibc
package import System

/// What a supervisor has to tell; whoever runs it decides what becomes a line of the log.
package enum SupervisorEvent: Hashable, Sendable {
    /// A child was started in that slot; it does not serve yet.
    case started(Role, slot: Int, pid: pid_t)
    /// A child serves.
    case ready(Role, slot: Int, pid: pid_t)
    /// Every slot has a child that serves: after the start, and again after any loss.
    case allReady
    /// A child could not be started; it is tried again.
    case startFailed(Role, slot: Int, ProcessError)
    /// A child is gone, asked or not, that long after it was started.
    case exited(Role, slot: Int, pid: pid_t, ExitCause, age: Duration)
    /// Those of that slot keep dying young: the next one comes after `delay`.
    case backingOff(Role, slot: Int, delay: Duration)
    /// A child was not ready, or not gone, in time and is killed.
    case overdue(Role, slot: Int, pid: pid_t)
    /// The children are being replaced, one after another.
    case reloading
    /// Every child was started after the last request to reload.
    case reloaded
    /// The successor in that slot died or never served; those that were there stay.
    case reloadAbandoned(slot: Int)
    /// A leaving responder's kept connection had nowhere to go and was closed.
    case connectionDropped
    /// The children finish what they have begun and leave.
    case terminating
}
