import Flows
import HTTP
import JSON
import Postgres

/// Which runs a caller may read and change: the own ones, and as an admin those of all users.
extension Principal {
    /// An API key without the scope `read` reads only what it started.
    var readableRuns: Visibility {
        if case .key(let keyID, _) = proof, readsOnlyItsRuns { return .key(keyID, of: isAdmin ? nil : id) }
        return allRuns
    }

    /// The runs that a call may change if its answer shows them. A key with the scope `write` deletes others as well.
    var changeableRuns: Visibility {
        if case .key(_, let scopes) = proof, scopes.contains(.write) { return allRuns }
        return readableRuns
    }

    var readsOnlyItsRuns: Bool {
        if case .key(_, let scopes) = proof { return !scopes.contains(.read) }
        return false
    }

    /// All runs that belong to the caller, and as an admin those of all users.
    var allRuns: Visibility { isAdmin ? .all : .user(id) }
}

extension Context {
    /// The caller as the starter of a run of that user.
    func starter(ofRunOf ownerID: String) throws -> Starter {
        let user = try user
        return Starter(
            userID: ownerID == user.id ? nil : user.id, keyID: user.keyID, trace: request.trace?.text)
    }

    /// The run that the path names, which the caller may read.
    ///
    /// - Parameter name: the path's parameter.
    func execution(_ name: String = "id") throws -> RecordedExecution<JSONText> {
        let found = try ShownExecution.find(try id(name), in: user.readableRuns, on: connection) {
            try share?.countAsSlow()
        }
        guard let found else { throw Problem.notFound }
        return found
    }

    /// The run that the path names, which the caller may change, without its outputs.
    func changeableExecution() throws -> ShownExecution {
        let found = try ShownExecution.findWithoutOutputs(try id(), in: user.changeableRuns, on: connection)
        guard let found else { throw Problem.notFound }
        return found
    }

    /// The same run with its outputs, after a change that is not refused because they are large.
    func changedExecution() throws -> RecordedExecution<JSONText> {
        guard let found = try ShownExecution.find(try id(), in: user.changeableRuns, on: connection) else {
            throw Problem.notFound
        }
        return found
    }

    /// The same run with its outputs, to be computed with.
    func repeatableExecution() throws -> Execution {
        let found = try Execution.find(try id(), in: user.changeableRuns, on: connection) { try share?.countAsSlow() }
        guard let found else { throw Problem.notFound }
        return found.execution
    }

    /// The caller's run that the path names, without its outputs. Throws 403 for an admin who is not its owner.
    func ownExecution() throws -> ShownExecution {
        let found = try changeableExecution()
        guard try found.userID == user.id else { throw Problem.forbidden("Only the owner may do this") }
        return found
    }

    /// Calls `body`, which changes or starts a run of the user. If the caller is another user, an admin, the change is
    /// recorded in the audit log by the same commit.
    ///
    /// - Parameter isStarting: whether the run is active afterwards, for which the owner's account must not have ended.
    func operating<Value>(
        onRunOf ownerID: String, isStarting: Bool, _ body: (Connection) throws -> (Value, AuditEvent)
    ) throws -> Value {
        guard try ownerID != user.id else { return try body(connection).0 }
        return try connection.atomically { connection in
            if isStarting, try !User.lockActive(ownerID, on: connection) { throw Problem(.ownerInactive) }
            let (value, event) = try body(connection)
            try audit.record(event)
            return value
        }
    }
}
