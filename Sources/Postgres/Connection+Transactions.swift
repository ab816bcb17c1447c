extension Connection {
    /// Runs the body in a transaction: commits at its end, rolls back when it throws.
    ///
    /// BEGIN goes with the first statement, so a transaction costs one round trip more than its statements; none, if
    /// nothing was sent.
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

    /// Runs the body in the transaction that is open, and in one of its own where none is: all of it or nothing.
    package func atomically<T>(_ body: (Connection) throws -> T) throws -> T {
        switch transaction {
        case .none: try transaction(body)
        case .pending, .begun, .lost: try body(self)
        }
    }

    /// Opens a transaction that its owner ends with `commit` or `rollback`. Nothing is sent before its first statement.
    ///
    /// - Throws: `SQLState.activeTransaction` when one is open.
    package func begin() throws(PostgresError) {
        guard transaction == .none else { throw PostgresError(.server(.activeTransaction)) }
        transaction = .pending
        deferred = []
    }

    /// Has a statement of the open transaction go with the next one, or with COMMIT, in that round trip: for one whose
    /// result nobody reads. Where it fails, that round trip does, with its error; ahead of a savepoint the session ends.
    package func executeLater(_ sql: SQL) throws(PostgresError) {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        guard sql.binds.areSendable else { throw PostgresError(.invalidText) }
        deferred.append(sql)
    }

    /// Commits, together with last statements that go in the same round trip; returns the rows of each. A transaction of
    /// which nothing was sent before needs neither BEGIN nor COMMIT: the server makes one of the batch.
    ///
    /// Whether it returns or throws, the transaction is over. If a statement fails, none of it takes place and the
    /// error is that statement's.
    /// - Throws: `commitUnknown` when the connection ends before the commit is answered;
    ///   `SQLState.failedTransaction` when an earlier failure had made the server roll back.
    @discardableResult
    package func commit(after statements: [SQL] = []) throws(PostgresError) -> [Rows] {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        defer { rollback() }
        // A savepoint that is open stands in the batch, and asks for a transaction block.
        if transaction == .pending && savepointDepth == 0 {
            guard !deferred.isEmpty || !statements.isEmpty else { return [] }
            return try roundTrip(statements, committing: .atEnd).map(Rows.init)
        }
        let results = try roundTrip(statements, committing: .asLastStatement)
        // COMMIT in a failed transaction is no error to the server: it answers ROLLBACK.
        guard results.last?.commandTag == "COMMIT" else { throw PostgresError(.server(.failedTransaction)) }
        return results.dropLast().map(Rows.init)
    }

    /// Rolls back what is open; without a transaction it does nothing. It cannot fail: at worst it ends the session.
    package func rollback() {
        deferred = []
        savepointDepth = 0
        if transaction == .begun {
            do { _ = try roundTrip(["ROLLBACK"]) } catch { close() }
        }
        transaction = .none
    }

    /// Runs the body so that, when it throws, the transaction goes on without what the body did.
    @discardableResult
    package func savepoint<T>(_ body: (Connection) throws -> T) throws -> T {
        guard transaction != .none else { throw PostgresError(.server(.noActiveTransaction)) }
        savepointDepth += 1
        defer { savepointDepth -= 1 }
        let name = "savepoint_\(savepointDepth)"
        deferred.append("SAVEPOINT \(unsafeRaw: name)")
        do {
            let value = try body(self)
            if let place = placeOfDeferred(name) {
                deferred.remove(at: place)
            } else {
                deferred.append("RELEASE SAVEPOINT \(unsafeRaw: name)")
            }
            return value
        } catch {
            if let place = placeOfDeferred(name) {
                deferred.removeSubrange(place...)
            } else {
                rollBack(to: name)
            }
            throw error
        }
    }

    /// Where a savepoint is that was not sent yet.
    private func placeOfDeferred(_ name: String) -> Int? {
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
