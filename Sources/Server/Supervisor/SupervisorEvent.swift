package import Glibc
package import Process

/// What a supervisor has to tell; whoever runs it decides what becomes a line of the log.
package enum SupervisorEvent: Hashable, Sendable {
    /// A responder was started in that slot; it does not serve yet.
    case started(slot: Int, pid: pid_t)
    /// A responder serves.
    case ready(slot: Int, pid: pid_t)
    /// Every slot has a responder that serves: after the start, and again after any loss.
    case allReady
    /// A responder could not be started; it is tried again.
    case startFailed(slot: Int, ProcessError)
    /// A responder is gone, asked or not, that long after it was started.
    case exited(slot: Int, pid: pid_t, ExitCause, age: Duration)
    /// Responders of that slot keep dying young: the next one comes after `delay`.
    case backingOff(slot: Int, delay: Duration)
    /// A responder was not ready, or not gone, in time and is killed.
    case overdue(slot: Int, pid: pid_t)
    /// Responders are being replaced, one after another.
    case reloading
    /// Every responder was started after the last request to reload.
    case reloaded
    /// The successor in that slot died or never served; the responders that were there stay.
    case reloadAbandoned(slot: Int)
    /// A leaving responder's kept connection had nowhere to go and was closed.
    case connectionDropped
    /// Responders finish what they have read and leave.
    case terminating
}
