package import Glibc
package import System

extension SupervisorState {
    package enum Event: Sendable {
        /// The results of `Action.spawn`.
        case started(slot: Int, pid: pid_t)
        case startFailed(slot: Int, ProcessError)
        /// A child has reported that it is ready.
        case ready(pid_t)
        /// A child has reported that it runs.
        case heartbeat(pid_t)
        /// An inspection interval has passed; what is known of children.
        case inspected([pid_t: ChildFigures])
        /// A responder has begun to hand over its connections: it is exiting, whatever the reason.
        case handedOver(pid_t)
        case exited(pid_t, ExitCause)
        /// A child's resident memory exceeds the limit.
        case grown(pid_t, bytes: Int)
        case reload
        case terminate
        /// `deadline` has passed; also the first event, which starts the children.
        case timePassed
    }

    package enum Action: Hashable, Sendable {
        case spawn(Role, slot: Int)
        case send(Signal, pid_t)
        /// Close the listening socket, so that connections are refused once the responders have closed it too.
        case stopListening
        case report(SupervisorEvent)
        /// All children have exited.
        case end
    }
}
