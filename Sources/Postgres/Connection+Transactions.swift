extension Connection {
    /// Runs the body in a transaction: commits when it returns, rolls back when it throws.
    ///
    /// BEGIN is sent with the first statement, so a transaction costs one round trip more than its statements, and none
    /// if nothing was sent.
    @discardableResult
    package func transaction<T>(_ body: (Connection) throws -> T) throws -> T {
        try begin()
        let value: T
        do {
            value = try body(self)
        } catch {
            rollback()
            throw error
        }
        try commit()
        return value
    }

    /// Runs the body in the open transaction, or in a transaction of its own if none is open: all of it takes effect or
    /// nothing.
    package func atomically<T>(_ body: (Connection) throws -> T) throws -> T {
        switch transaction {
        case .none: try transaction(body)
        case .pending, .begun, .lost: try body(self)
        }
    }

    /// Executes the statements in the open transaction, or in a transaction of their own if none is open, in one round
    /// trip; returns the rows of each.
    package func together(_ statements: [SQL]) throws(PostgresError) -> [Rows] {
        guard transaction == .none else { return try pipeline(statements) }
        try begin()
        return try commit(after: statements)
    }

    /// Opens a transaction, which the caller ends with `commit` or `rollback`. Nothing is sent before its first
    /// statement.
    ///
    /// - Throws: `SQLState.activeTransaction` when one is open.
    package func begin() throws(PostgresError) {
        guard transaction == .none else { throw PostgresError(.server(.activeTransaction)) }
        transaction = .pending
        deferred = []
    }

    /// Defers a statement of the open transaction: it is sent with the next statement or with COMMIT, in the same round
    /// trip. For statements with results that are not read. If it fails, that round trip fails with its error; if a
    /// savepoint was sent after it in the same round trip, the session ends.
    package func executeLater(_ sql: SQL) throws(PostgresError) {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        guard sql.binds.areSendable else { throw PostgresError(.invalidText) }
        deferred.append(sql)
    }

    /// Commits, together with last statements in the same round trip; returns the rows of each. If nothing of the
    /// transaction was sent before, it needs neither BEGIN nor COMMIT: the server makes the batch one transaction.
    ///
    /// The transaction has ended, whether this returns or throws. If a statement fails, nothing of the transaction
    /// takes effect, and the error is that of the statement.
    /// - Throws: `commitUnknown` when the connection ends before the commit is confirmed; `SQLState.failedTransaction`
    ///   when an earlier failure made the server roll back.
    @discardableResult
    package func commit(after statements: [SQL] = []) throws(PostgresError) -> [Rows] {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        let consequences = consequences
        let rows = try sendCommit(statements)
        for consequence in consequences { consequence() }
        return rows
    }

    /// Calls `body` as soon as the open transaction is committed, or at once if none is open; never if it is rolled
    /// back. For what must not be said of something that did not happen.
    package func afterCommit(_ body: @escaping () -> Void) {
        if transaction == .none { body() } else { consequences.append(body) }
    }

    private func sendCommit(_ statements: [SQL]) throws(PostgresError) -> [Rows] {
        defer { rollback() }
        // An open savepoint is in the batch and requires a transaction block.
        if transaction == .pending && savepointDepth == 0 {
            guard !deferred.isEmpty || !statements.isEmpty else { return [] }
            return try roundTrip(statements, committing: .atEnd).map(Rows.init)
        }
        let results = try roundTrip(statements, committing: .asLastStatement)
        // COMMIT in a failed transaction is not an error for the server: it returns ROLLBACK.
        guard results.last?.commandTag == "COMMIT" else { throw PostgresError(.server(.failedTransaction)) }
        return results.dropLast().map(Rows.init)
    }

    /// Rolls back the open transaction; does nothing without one. It cannot fail: if the server does not roll back, it
    /// ends the session.
    package func rollback() {
        deferred = []
        consequences = []
        savepointDepth = 0
        if transaction == .begun {
            do { _ = try roundTrip(["ROLLBACK"]) } catch { close() }
        }
        transaction = .none
    }

    /// Runs the body. If it throws, what it did is rolled back, and the transaction continues.
    @discardableResult
    package func savepoint<T>(_ body: (Connection) throws -> T) throws -> T {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        savepointDepth += 1
        defer { savepointDepth -= 1 }
        let name = "savepoint_\(savepointDepth)"
        deferred.append("SAVEPOINT \(unsafeRaw: name)")
        do {
            let value = try body(self)
            if let index = indexOfDeferred(name) {
                deferred.remove(at: index)
            } else {
                deferred.append("RELEASE SAVEPOINT \(unsafeRaw: name)")
            }
            return value
        } catch {
            if let index = indexOfDeferred(name) {
                deferred.removeSubrange(index...)
            } else {
                rollBack(to: name)
            }
            throw error
        }
    }

    /// The index of a savepoint that was not sent yet.
    private func indexOfDeferred(_ name: String) -> Int? {
        let savepoint = "SAVEPOINT \(name)"
        return deferred.firstIndex { $0.shape.text == savepoint }
    }

    private func rollBack(to name: String) {
        guard transaction == .begun else { return }
        deferred = []
        do {
            _ = try roundTrip([
                "ROLLBACK TO SAVEPOINT \(unsafeRaw: name)", "RELEASE SAVEPOINT \(unsafeRaw: name)",
            ])
        } catch {
            close()
        }
    }
}
