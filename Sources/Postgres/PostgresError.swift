/// An error in the use of Postgres.
///
/// `description` contains no details, so anyone may read it. `debugDescription` adds the server's message, but never a
/// bound value or the text of a statement.
package struct PostgresError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Hashable {
        /// The server refused a statement. The connection remains usable; an open transaction has failed.
        case server(SQLState)
        /// The connection ended, and with it an open transaction, without effect. A single statement outside a
        /// transaction may nevertheless have been executed. The next use opens a new connection.
        case connectionLost
        /// No connection could be opened, or the next attempt is not due yet, so none was made.
        case connectionUnavailable
        /// The connection ended after the commit was requested and before it was confirmed: only the database knows
        /// whether the transaction took effect. Look there for a key that it wrote; never just repeat it.
        case commitUnknown
        /// The client's deadline passed; the connection was closed, with the consequences of `connectionLost`.
        case timedOut
        /// Nothing was sent, because other threads wait for the same statement or connection, which does not answer.
        case waitRefused
        /// A row did not contain what the code expected.
        case decoding
        /// A text to be bound contains U+0000, which Postgres cannot store. Nothing was sent.
        case invalidText
        /// The connection string is not valid.
        case invalidConfiguration
    }

    package let kind: Kind
    /// The server's condition, also if it ended the connection.
    package let sqlState: SQLState?
    /// The name of the constraint that was violated.
    package let constraint: String?
    let detail: String
    /// The prepared statement no longer exists or no longer fits its tables; a new connection prepares it again.
    var isStaleStatement = false

    init(_ kind: Kind, _ detail: String = "", sqlState: SQLState? = nil, constraint: String? = nil) {
        self.kind = kind
        self.sqlState = if case .server(let state) = kind { state } else { sqlState }
        self.constraint = constraint
        self.detail = detail
    }

    /// Whether a wait for the server or for a lock reached a limit of time; perhaps also if a commit is unknown. A
    /// statement that the server cut off was slow.
    var isTimeOut: Bool { kind == .timedOut || kind == .commitUnknown || sqlState == .lockNotAvailable }

    /// The same loss, for a transaction that may have been committed.
    var asCommitUnknown: PostgresError { PostgresError(.commitUnknown, detail, sqlState: sqlState) }

    /// True when the service is temporarily unavailable, rather than the request wrong.
    package var isUnavailability: Bool {
        switch kind {
        case .connectionLost, .connectionUnavailable, .timedOut, .waitRefused: true
        case .server(let state): state.isUnavailability
        case .commitUnknown, .decoding, .invalidText, .invalidConfiguration: false
        }
    }

    /// Whether the reason is the database's and not the statement's: it was unavailable, out of resources or too slow,
    /// or another transaction was in the way. The same statement may succeed later.
    package var isDatabaseTrouble: Bool {
        if isUnavailability || isContention || kind == .commitUnknown { return true }
        return sqlState.map { ["40", "57"].contains($0.conditionClass) } ?? false
    }

    /// Whether another transaction was in the way: a retry may succeed when that one has ended.
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
        case .waitRefused: "the database makes other calls wait too long"
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
