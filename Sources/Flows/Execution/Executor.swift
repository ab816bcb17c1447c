/// Who executes a run.
enum Executor {
    /// The thread of the call that started the run; the hooks are what its caller adds to the commits.
    case call(CommitHooks?)
    /// A worker that has claimed the run.
    case worker(Cancellation)

    /// How long the run may occupy its thread without a break.
    func time(within limits: Engine.Limits) -> Duration {
        switch self {
        case .call: limits.callTime
        case .worker: limits.timeSlice
        }
    }

    var hooks: CommitHooks? { if case .call(let hooks) = self { hooks } else { nil } }
    var cancellation: Cancellation? { if case .worker(let cancellation) = self { cancellation } else { nil } }
}
