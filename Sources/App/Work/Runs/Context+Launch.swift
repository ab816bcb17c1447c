import Flows
import HTTP
import JSON
import Postgres

/// Calls that start a run, and their answers.
extension Context {
    /// The answer of an endpoint for a run, which may still be active.
    typealias RunAnswer = @Sendable (RecordedExecution<JSONText>) -> Response

    /// Starts a run, at most once for each `Idempotency-Key`. A call that repeats an earlier one is answered with what
    /// the record of the run is now, or waits for the end of the run if it prefers to; 410 if the record was deleted.
    func launchingOnce(answer: @escaping RunAnswer, _ start: () throws -> Reply) throws -> Reply {
        var reply = try startOrReplay(answer, start)
        if endpoint.waits { reply.update { $0 = $0.applying(appliedPreference) } }
        return reply
    }

    private func startOrReplay(_ answer: @escaping RunAnswer, _ start: () throws -> Reply) throws -> Reply {
        guard let key = idempotencyKey else { return try start() }
        if let earlier { return try replay(of: earlier, answer) }
        do {
            return try start()
        } catch let problem as Problem where IdempotencyKey.stores(problem.status) {
            try key.storeRefusal(problem, on: connection)
            throw problem
        } catch is IdempotencyKey.Claimed {
            guard let earlier = try key.earlier(on: connection) else { throw Problem.unavailable() }
            return try replay(of: earlier, answer)
        } catch let error as PostgresError where error.kind == .commitUnknown {
            guard let earlier = try key.earlier(on: connection) else { throw error }
            return try replay(of: earlier, answer)
        }
    }

    /// The reply that follows from what the first call with the key has left.
    private func replay(of earlier: IdempotencyKey.Earlier, _ answer: @escaping RunAnswer) throws -> Reply {
        switch earlier {
        case .answer(let answer): return .response(answer)
        case .run(let id):
            let found = try ShownExecution.find(id, in: user.allRuns, on: connection) { try share?.countAsSlow() }
            guard let run = found else { throw Problem(.executionDeleted) }
            let now = answer(run).replayed
            guard !run.execution.status.isEnd else { return .response(now) }
            return try reply(whenEnded: id, defaultSeconds: 0, fallback: now) { answer($0).replayed }
        }
    }

    /// Calls `body` in a transaction that claims the call's key for the run, unless it throws; without a key, in none.
    func claimingKey<Value>(for executionID: String, _ body: () throws -> Value) throws -> Value {
        guard let key = idempotencyKey else { return try body() }
        return try connection.transaction { connection in
            try key.claim(for: executionID, on: connection)
            return try body()
        }
    }

    /// Queues a run for a worker.
    func launch(_ execution: Execution, _ plan: Engine.Plan) throws {
        try claimingKey(for: execution.id) {
            try operating(onRunOf: execution.userID, isStarting: true) { _ in
                try enqueue(execution, plan)
                return ((), .runStarted(execution.id, of: execution.userID))
            }
        }
    }
}
