/// What went wrong between this program and Postgres.
///
/// `description` is bland enough for anybody to read. `debugDescription` adds the server's message, but never a
/// value that was bound nor the text of a statement.
package struct PostgresError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Hashable {
        /// The server refused a statement. The connection stays in use; an open transaction has failed.
        case server(SQLState)
        /// The connection ended; so did its transaction, if one was open, without effect. A single statement outside
        /// of a transaction may nevertheless have been carried out. The next use opens a new connection.
        case connectionLost
        /// No connection could be opened, or the last attempt failed so recently that none was made.
        case connectionUnavailable
        /// The connection ended after the commit was asked for, before its answer came: whether the transaction took
        /// place only the database knows. Look there for a key it wrote; never just repeat it.
        case commitUnknown
        /// The client's deadline passed; the connection was closed, with the consequences of `connectionLost`.
        case timedOut
        /// A row did not hold what the code asked for.
        case decoding
        /// A text to be bound holds U+0000, which Postgres cannot store. Nothing was sent.
        case invalidText
        /// The connection string cannot be understood.
        case invalidConfiguration
    }

    package let kind: Kind
    /// The server's condition, also where it ended the connection.
    package let sqlState: SQLState?
    /// The name of the constraint that was violated.
    package let constraint: String?
    let detail: String
    /// A prepared statement is gone or no longer fits its tables; on a new connection it will be prepared anew.
    var isStaleStatement = false

    init(_ kind: Kind, _ detail: String = "", sqlState: SQLState? = nil, constraint: String? = nil) {
        self.kind = kind
        self.sqlState = if case .server(let state) = kind { state } else { sqlState }
        self.constraint = constraint
        self.detail = detail
    }

    /// The same loss, seen by a transaction that may have been committed.
    var leavingCommitUnknown: PostgresError { PostgresError(.commitUnknown, detail, sqlState: sqlState) }

    /// True when the service is temporarily away, rather than the request being wrong.
    package var isUnavailability: Bool {
        switch kind {
        case .connectionLost, .connectionUnavailable, .timedOut: true
        case .server(let state): state.isUnavailability
        case .commitUnknown, .decoding, .invalidText, .invalidConfiguration: false
        }
    }

    /// Whether another transaction was in the way; the same may succeed when that has ended.
    package var isContention: Bool {
        guard let state = sqlState else { return false }
        return state == .lockNotAvailable || state.isConflict
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String {
        switch kind {
        case .server(let state): "the database refused a statement (SQLSTATE \(state.rawValue))"
        case .connectionLost: "the connection to the database was lost"
        case .connectionUnavailable: "the database cannot be reached"
        case .commitUnknown: "the connection to the database was lost during a commit"
        case .timedOut: "the database did not answer in time"
        case .decoding: "the database returned a value of an unexpected type"
        case .invalidText: "a text holds the character U+0000"
        case .invalidConfiguration: "the database connection string is not valid"
        }
    }

    package var debugDescription: String {
        var text = description
        if case .server = kind {} else if let sqlState { text += " (SQLSTATE \(sqlState.rawValue))" }
        if let constraint { text += ", constraint \(constraint)" }
        return detail.isEmpty ? text : text + ": " + detail
    }
}
