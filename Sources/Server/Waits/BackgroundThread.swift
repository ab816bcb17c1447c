import Synchronization
import System

/// A thread with work that other threads of the process give it. The first work starts it.
final class BackgroundThread<Work: Sendable>: Sendable {
    private struct Shared {
        var work: Work
        var thread: NativeThread?
        var isStopped = false
    }

    /// Signalled when there is new work, and when the thread has to end.
    let wakeUp: WakeUp
    private let shared: Mutex<Shared>

    init(_ work: Work) throws(ProcessError) {
        wakeUp = try WakeUp()
        shared = Mutex(Shared(work: work))
    }

    /// Whether the thread has to end.
    var isStopped: Bool { shared.withLock(\.isStopped) }

    /// Gives the thread new work and wakes it. Without a thread one is started, which calls `run`; if that fails, the
    /// work is not changed.
    func add(running run: @escaping @Sendable () -> Void, _ change: (inout Work) -> Void) throws(ProcessError) {
        try shared.withLock { shared throws(ProcessError) in
            if shared.thread == nil { shared.thread = try NativeThread(run) }
            change(&shared.work)
        }
        wakeUp.signal()
    }

    func withWork<Value: Sendable>(_ body: (inout Work) -> Value) -> Value {
        shared.withLock { body(&$0.work) }
    }

    /// Makes the thread end, and waits until it has.
    func stop() {
        let thread = shared.withLock { shared in
            shared.isStopped = true
            return shared.thread.take()
        }
        wakeUp.signal()
        thread?.join()
    }
}
