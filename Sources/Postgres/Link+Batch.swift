import CPostgres

extension Link {
    /// The server's answers in order, without that to the final synchronisation.
    private enum Answer {
        case preparation(of: SQL.Shape)
        case statement
    }

    /// Where a batch commits, for a caller who must know whether it did.
    enum Commit {
        /// The caller does not need to know: a lost connection is a failure.
        case untracked
        /// Its last statement is COMMIT.
        case asLastStatement
        /// The batch is a whole transaction, which the server commits at its end.
        case atEnd
    }

    /// Sends the statements in one round trip and returns one result for each.
    ///
    /// After a statement that fails, the later ones are not executed. Outside a transaction block the batch is a
    /// transaction of its own. The binds must be sendable.
    ///
    /// - Parameter limit: ends the wait if it is earlier than `answerTimeout`, which then counts for no `WaitLimit`.
    /// - Throws: the error of the statement that failed; `commitUnknown` when the connection is lost and the batch may
    ///   have been committed. `isUsable` then says whether the link can be used again.
    func run(
        _ batch: [SQL], committing commit: Commit = .untracked, before limit: ContinuousClock.Instant? = nil
    ) throws(PostgresError) -> [QueryResult] {
        let ownDeadline = answerTimeout.map { ContinuousClock.now + $0 }
        let deadline = [ownDeadline, limit].compactMap(\.self).min()
        (self.batch, position) = (batch, 0)
        awaitedSince = nil
        defer { self.batch = [] }
        do {
            let results = try collect(send(batch), committing: commit, before: deadline)
            patience.end(for: awaited, hasTimedOut: false)
            return results
        } catch {
            let isOfCaller = error.kind == .timedOut && deadline != ownDeadline
            patience.end(for: awaited, hasTimedOut: error.isTimeOut && !isOfCaller)
            recordIfSlow(at: .now)
            throw error
        }
    }

    /// Queues the batch. If this throws, the synchronisation that makes the server commit was not queued.
    private func send(_ batch: [SQL]) throws(PostgresError) -> [Answer] {
        var answers: [Answer] = []
        answers.reserveCapacity(2 * batch.count)
        for sql in batch {
            let isSent: Bool
            if let name = statements.name(for: sql.shape) {
                isSent = sendPrepared(name, sql.binds)
            } else if let name = statements.makeName(for: sql.shape) {
                answers.append(.preparation(of: sql.shape))
                isSent =
                    unsafe PQsendPrepare(handle, name, sql.shape.text, 0, nil) == 1 && sendPrepared(name, sql.binds)
            } else {
                isSent = sendUnprepared(sql)
            }
            guard isSent else { throw invalidate(PostgresError(.connectionLost, message)) }
            answers.append(.statement)
        }
        guard unsafe PQpipelineSync(handle) == 1 else { throw invalidate(PostgresError(.connectionLost, message)) }
        return answers
    }

    private func sendPrepared(_ name: String, _ binds: Binds) -> Bool {
        unsafe binds.withPointers { count, values, lengths, formats in
            unsafe PQsendQueryPrepared(handle, name, count, values, lengths, formats, 0) == 1
        }
    }

    private func sendUnprepared(_ sql: SQL) -> Bool {
        unsafe sql.binds.withPointers { count, values, lengths, formats in
            unsafe PQsendQueryParams(handle, sql.shape.text, count, nil, values, lengths, formats, 0) == 1
        }
    }

    /// Reads every answer, including those after a failure, so that the link is ready for the next batch.
    private func collect(
        _ answers: [Answer], committing commit: Commit, before deadline: ContinuousClock.Instant?
    ) throws(PostgresError) -> [QueryResult] {
        var results: [QueryResult] = []
        var failure: PostgresError?
        for (index, answer) in answers.enumerated() {
            do {
                let result = try soleResult(before: deadline)
                if let refusal = try refusal(in: result) {
                    if case .preparation(let shape) = answer { statements.remove(shape) }
                    failure = failure ?? refusal
                } else if case .statement = answer {
                    results.append(result)
                }
                if case .statement = answer { position += 1 }
            } catch {
                // If the server itself reports why it ends the session before it reaches the commit, nothing was
                // committed. A pooler that has lost the server reports class 08, and does not know whether the commit
                // happened either.
                let isServers = error.sqlState.map { $0.conditionClass != "08" } ?? false
                let isBeforeCommit = commit == .atEnd || index < answers.count - 1
                let isKnown = commit == .untracked || isServers && isBeforeCommit
                throw failure ?? (isKnown ? error : error.asCommitUnknown)
            }
        }
        do {
            let refusal = try synchronise(before: deadline)
            failure = failure ?? refusal
        } catch {
            if let failure { throw failure }
            switch commit {
            case .untracked: throw error
            // A confirmed COMMIT is valid, whatever happens to the connection afterwards.
            case .asLastStatement: break
            case .atEnd: throw error.asCommitUnknown
            }
        }
        answered()
        if let failure { throw failure }
        return results
    }

    /// The result of one statement or preparation.
    private func soleResult(before deadline: ContinuousClock.Instant?) throws(PostgresError) -> QueryResult {
        guard let result = try nextResult(before: deadline) else {
            throw invalidate(PostgresError(.connectionLost, message))
        }
        while !result.endsBatch, try nextResult(before: deadline) != nil {}
        return result
    }

    /// Reads up to the end of the batch.
    ///
    /// - Returns: the error with which the server refused to commit a batch that was its own transaction.
    private func synchronise(before deadline: ContinuousClock.Instant?) throws(PostgresError) -> PostgresError? {
        var failure: PostgresError?
        while true {
            let result = try nextResult(before: deadline)
            if let result, result.status == PGRES_PIPELINE_SYNC { return failure }
            guard let result else {
                if isBroken { throw invalidate(PostgresError(.connectionLost, message)) }
                continue
            }
            let refusal = try refusal(in: result)
            failure = failure ?? refusal
        }
    }
}
