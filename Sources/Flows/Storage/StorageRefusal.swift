package import Postgres

/// Why the database stores no more for a user.
package enum StorageRefusal: Error, Sendable {
    case quotaExceeded
    case tooManyDocuments

    /// Nil for any other error.
    package init?(_ error: PostgresError) {
        switch (error.sqlState, error.constraint) {
        case (.checkViolation, "storage_quota"): self = .quotaExceeded
        case (.checkViolation, "documents_bounded"): self = .tooManyDocuments
        default: return nil
        }
    }

    /// Why a run fails that could not store its steps.
    var failure: TaskFailure {
        switch self {
        case .quotaExceeded: TaskFailure(code: "quota_exceeded", message: "The user's storage is full")
        case .tooManyDocuments:
            TaskFailure(code: "too_many_documents", message: "The user has the maximum number of documents")
        }
    }
}
