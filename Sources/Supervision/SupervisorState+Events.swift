package import Glibc
package import System

extension SupervisorState {
    package enum Event: Sendable {
        /// The answers to `Action.spawn`.
        case started(slot: Int, pid: pid_t)
        case startFailed(slot: Int, ProcessError)
        /// A child says that it serves.
        case ready(pid_t)
        /// A responder begins to give its connections away: it is leaving, whoever told it to.
        case handedOver(pid_t)
        case exited(pid_t, ExitCause)
        case reload
        case terminate
        /// `deadline` has come; also the event that sets a new state going.
        case timePassed
    }

    package enum Action: Hashable, Sendable {
        case spawn(Role, slot: Int)
        case send(Signal, pid_t)
        /// Give up the listening socket, so that connections are refused once the responders have given it up too.
        case stopListening
        case report(SupervisorEvent)
        /// Nobody is left.
        case end
    }
}
