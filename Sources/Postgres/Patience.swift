/// The patience of one thread in one wait for the server, for a batch of statements or a new connection.
struct Patience {
    private enum Stage {
        case brief
        case checked
        case long
    }

    private let limit: WaitLimit?
    /// `Connection.caller`.
    var caller: String?
    private var stage = Stage.brief

    init(_ limit: WaitLimit?) {
        self.limit = limit
    }

    /// How long to wait before `goOn` is asked, in milliseconds, as poll(2) takes them: each round trip asks.
    var pause: Int32 {
        switch stage {
        case .brief: limit == nil ? .max : WaitLimit.shortPatience
        case .checked: WaitLimit.patience - WaitLimit.shortPatience
        case .long: .max
        }
    }

    /// Whether the wait for this statement may continue after a pause.
    mutating func goOn(for statement: SQL) -> Bool {
        guard let limit else { return true }
        switch stage {
        case .brief:
            stage = .checked
            return limit.mayContinue(statement, for: caller)
        case .checked:
            guard limit.begin(statement, for: caller) else { return false }
            stage = .long
            return true
        case .long: return true
        }
    }

    /// Must be called when the wait has ended. `hasTimedOut`: it reached a limit of time.
    mutating func end(for statement: SQL, hasTimedOut: Bool) {
        if stage == .long { limit?.end(statement, for: caller, hasTimedOut: hasTimedOut) }
        stage = .brief
    }
}
