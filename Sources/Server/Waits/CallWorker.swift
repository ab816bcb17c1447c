import HTTP
import Synchronization
import System
import WorkerPool

/// Executes queued runs in a process that a web server has started, while calls of this process wait for runs: where
/// only cron starts workers, these calls would be answered too late.
///
/// It claims what is due, like every worker, so that users keep their turns. After the last call was answered its
/// threads finish their steps, release their runs and end. If the web server kills the process before, the leases
/// expire, and another process continues the runs.
final class CallWorker: Sendable {
    private struct State {
        var calls = 0
        var current: ExecutingThreads?
        /// Those that were ordered to stop.
        var stopping: [ExecutingThreads] = []
    }

    private let state = Mutex(State())
    private let makeThreads: @Sendable () throws -> ExecutingThreads
    private let observe: @Sendable (any Error) -> Void

    /// - Parameter observe: receives the error if the threads cannot be started. The next call attempts it again.
    init(
        _ makeThreads: @escaping @Sendable () throws -> ExecutingThreads,
        observe: @escaping @Sendable (any Error) -> Void
    ) {
        self.makeThreads = makeThreads
        self.observe = observe
    }

    /// Executes runs from now on until the response of the call that the closure gets has been sent.
    func execute(until call: PendingResponse, _ wait: (PendingResponse) throws -> Void) rethrows {
        begin()
        do {
            try wait(
                PendingResponse { [self] response in
                    if let response { call.send(response) } else { call.disconnect() }
                    end()
                })
        } catch {
            end()
            throw error
        }
    }

    /// Waits until all threads have ended, at most as long as a step may take to stop.
    func finish() {
        let stopping = state.withLock { state in
            Self.stop(&state)
            defer { state.stopping = [] }
            return state.stopping
        }
        for threads in stopping {
            threads.worker.ended.wait()
            try? threads.finish()
        }
    }

    private func begin() {
        state.withLock { state in
            state.calls += 1
            state.stopping.removeAll { threads in
                guard threads.worker.ended.clear() else { return false }
                try? threads.finish()
                return true
            }
            guard state.current == nil else { return }
            do {
                let threads = try makeThreads()
                state.current = threads
                try threads.start()
            } catch {
                // Without all of its threads its end would never be reported, so that it must not be waited for.
                state.current?.worker.stop()
                state.current = nil
                observe(error)
            }
        }
    }

    private func end() {
        state.withLock { state in
            state.calls -= 1
            if state.calls == 0 { Self.stop(&state) }
        }
    }

    private static func stop(_ state: inout State) {
        guard let threads = state.current else { return }
        threads.worker.stop()
        state.stopping.append(threads)
        state.current = nil
    }
}
