/// The five-character code of a Postgres condition (PostgreSQL documentation, appendix A).
///
/// An open set, hence a struct; `catch SQLState.uniqueViolation` works through `~=`.
package struct SQLState: RawRepresentable, Sendable, Hashable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package static let divisionByZero = SQLState(rawValue: "22012")
    package static let invalidParameterValue = SQLState(rawValue: "22023")
    package static let foreignKeyViolation = SQLState(rawValue: "23503")
    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let checkViolation = SQLState(rawValue: "23514")
    package static let activeTransaction = SQLState(rawValue: "25001")
    package static let readOnlyTransaction = SQLState(rawValue: "25006")
    package static let noActiveTransaction = SQLState(rawValue: "25P01")
    package static let failedTransaction = SQLState(rawValue: "25P02")
    package static let undefinedStatement = SQLState(rawValue: "26000")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let featureNotSupported = SQLState(rawValue: "0A000")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")
    package static let adminShutdown = SQLState(rawValue: "57P01")
}

extension SQLState {
    /// The first two characters: the class of the condition.
    package var conditionClass: Substring { rawValue.prefix(2) }

    /// Class 22: a value that its type or function rejects. The server's message quotes such values.
    package var isDataException: Bool { conditionClass == "22" }

    /// The transaction conflicted with another one; a retry may succeed.
    package var isConflict: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// The server cannot serve now (connection trouble, out of resources, shutting down, a standby), but may be able to
    /// soon.
    package var isUnavailability: Bool {
        conditionClass == "08" || conditionClass == "53" || endsSession
    }

    /// The connection is unusable: it is broken, its server is shutting down, or it is a standby after a failover.
    var endsSession: Bool {
        conditionClass == "08" || rawValue.hasPrefix("57P0") || self == .readOnlyTransaction
    }
}

/// Lets `catch SQLState.uniqueViolation` match a `PostgresError` of that state.
package func ~= (pattern: SQLState, error: any Error) -> Bool {
    (error as? PostgresError)?.sqlState == pattern
}
