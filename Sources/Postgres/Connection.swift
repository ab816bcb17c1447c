/// One session with Postgres, opened on first use and again after a loss. It belongs to the thread that made it.
///
/// Statements are prepared on their first use, in the same round trip. A statement outside a transaction commits by
/// itself. While the server cannot be reached, calls between two connection attempts fail at once.
package final class Connection {
    package let configuration: PostgresConfiguration
    /// Sent ahead of each transaction's first statement, in its round trip.
    let preamble: [SQL]
    private(set) var link: Link?
    private var reconnection = Reconnection()
    var transaction = Transaction.none
    /// Sent ahead of the next statement, in its round trip: SAVEPOINT, RELEASE, and statements with results that are
    /// not read.
    var deferred: [SQL] = []
    var savepointDepth = 0
    /// For which user the statements are executed, for `WaitLimit`; nil: unknown.
    package var caller: String?
    /// The round trip that took longest since this was last set to nil; nil if none took a millisecond.
    package var slowestStatement: SlowStatement?
    /// When waits for the server end at the latest; nil: at the limits of the configuration.
    private var deadline: ContinuousClock.Instant?
    /// Called after the open transaction is committed.
    var consequences: [() -> Void] = []

    /// The state of the session's transaction, as far as the client knows.
    enum Transaction {
        case none
        /// The server has not seen it yet.
        case pending
        case begun
        /// It ended with its connection; its owner has not committed or rolled back yet.
        case lost
    }

    /// Does not connect yet.
    package init(_ configuration: PostgresConfiguration) {
        self.configuration = configuration
        preamble = configuration.transactionSettings
    }

    deinit { close() }

    /// Executes a statement and returns its rows.
    package func query(_ sql: SQL) throws(PostgresError) -> Rows {
        let results = try roundTrip([sql])
        return Rows(results[results.endIndex - 1])
    }

    /// Executes a statement and returns the number of rows that it wrote.
    @discardableResult
    package func execute(_ sql: SQL) throws(PostgresError) -> Int { try query(sql).affectedCount }

    /// Executes statements in one round trip, all or none of them, and returns the rows of each.
    @discardableResult
    package func pipeline(_ statements: [SQL]) throws(PostgresError) -> [Rows] {
        try roundTrip(statements).map(Rows.init)
    }

    /// Calls `body`, in which no statement waits for the server any longer once that time has passed: it throws
    /// `timedOut` or, if no connection was open, `connectionUnavailable`. Of several hosts, each may take that time to
    /// connect.
    ///
    /// This says nothing about the server, so the waits of other connections are not limited because of it.
    package func limitingWaits<Value>(to duration: Duration, _ body: () throws -> Value) rethrows -> Value {
        deadline = .now + duration
        defer { deadline = nil }
        return try body()
    }

    /// Executes a text of several statements verbatim. The caller must ensure that it is safe. Outside a transaction
    /// the limits of the session apply.
    package func execute(unsafeScript text: String) throws(PostgresError) {
        guard !text.utf8.contains(0) else { throw PostgresError(.invalidText) }
        if transaction == .pending || !deferred.isEmpty { _ = try roundTrip([]) }
        let link = try openLink()
        defer { settle(link) }
        try link.runScript(text)
    }

    /// Ends the session, and with it an open transaction. The next use opens a new session.
    package func close() {
        if link != nil { configuration.observe(.connectionClosed) }
        link = nil
        if transaction == .begun { transaction = .lost }
    }

    /// Sends the deferred statements, `statements` and, if requested, COMMIT; returns the results of the latter two.
    func roundTrip(
        _ statements: [SQL], committing commit: Link.Commit = .untracked, isRepeated: Bool = false
    ) throws(PostgresError) -> ArraySlice<QueryResult> {
        let opening = opening(committing: commit)
        let ahead = opening + deferred
        var batch = ahead.isEmpty ? statements : ahead + statements
        if commit == .asLastStatement { batch.append("COMMIT") }
        guard batch.allSatisfy(\.binds.areSendable) else { throw PostgresError(.invalidText) }
        try configuration.waitLimit?.admit(batch, for: caller)
        let link = try openLink()
        link.patience.caller = caller
        link.openingCount = opening.count
        let (priorTransaction, priorDeferred) = (transaction, deferred)
        deferred = []
        do {
            defer { settle(link) }
            let results = try link.run(batch, committing: commit, before: deadline).dropFirst(ahead.count)
            configuration.waitLimit?.succeed(batch)
            configuration.observe(.roundTrip)
            return results
        } catch {
            report(error)
            // Only this batch was lost with its connection, so it can be repeated on another one.
            guard error.isStaleStatement && priorTransaction != .begun && !isRepeated else { throw error }
            (transaction, deferred) = (priorTransaction, priorDeferred)
        }
        return try roundTrip(statements, committing: commit, isRepeated: true)
    }

    /// What begins a transaction. Outside a transaction block the server makes the batch one transaction.
    private func opening(committing commit: Link.Commit) -> [SQL] {
        switch transaction {
        case .none: preamble
        case .pending: commit == .atEnd ? preamble : ["BEGIN"] + preamble
        case .begun, .lost: []
        }
    }

    private func openLink() throws(PostgresError) -> Link {
        guard transaction != .lost else {
            throw PostgresError(.connectionLost, "the transaction ended with its connection")
        }
        if let link {
            if transaction == .begun || !link.hasEndedWhileIdle() { return link }
            lose()
        }
        guard reconnection.isDue(at: .now) else {
            throw PostgresError(.connectionUnavailable, "waiting before the next attempt")
        }
        do {
            let opened = try Link(configuration, before: deadline)
            link = opened
            configuration.observe(.connectionOpened)
            return opened
        } catch {
            report(error)
            reconnection.failed(at: .now)
            throw error
        }
    }

    private func report(_ error: PostgresError) {
        configuration.observe(.failed(sqlClass: (error.sqlState?.conditionClass).map(String.init)))
    }

    /// Takes over the state of the link after a round trip.
    func settle(_ link: Link) {
        if let slowest = link.slowBatch, slowest.duration > slowestStatement?.duration ?? .zero {
            slowestStatement = slowest
        }
        if link.isUsable {
            transaction = link.isInTransaction ? .begun : .none
        } else {
            lose()
            if transaction != .none { transaction = .lost }
        }
        if link.hasAnswered { reconnection.succeeded() } else if !link.isUsable { reconnection.failed(at: .now) }
    }

    private func lose() {
        link = nil
        configuration.observe(.connectionLost)
    }

    /// Whether the current transaction accepts further statements.
    package var transactionStatus: TransactionStatus {
        switch transaction {
        case .none: .idle
        case .pending: .open
        case .begun: link?.hasFailedTransaction == false ? .open : .failed
        case .lost: .failed
        }
    }
}

/// Whether a transaction is open, and whether it can still be committed.
package enum TransactionStatus: Sendable {
    case idle
    case open
    /// A statement failed, or the connection was lost: the transaction can only be rolled back.
    case failed
}
