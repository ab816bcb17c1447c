import Flows
import HTTP
import Postgres

extension Problem {
    /// Maps an error of the database to an answer, which never contains the database's own text.
    init(_ error: PostgresError) {
        if let refusal = StorageRefusal(error) {
            self.init(refusal)
            return
        }
        self =
            switch error.kind {
            case .server where error.isInsufficientCredits: .insufficientCredits
            case .server(.uniqueViolation) where error.constraint == "workflows_key": Problem(.keyTaken)
            case .server(.uniqueViolation) where error.constraint == "credentials_name": Problem(.nameTaken)
            case .server(let state) where state == .uniqueViolation: Problem(.conflict)
            case .server(let state) where state.isDataException: Problem(.invalidValue)
            case .server(let state) where state == .lockNotAvailable || state == .queryCanceled || state.isConflict:
                .unavailable()
            case .invalidText: Problem(.invalidValue, "A text must not contain U+0000")
            case .commitUnknown: .unavailable(retryAfter: 2)
            case _ where error.isUnavailability: .unavailable(retryAfter: 2)
            default: .internalError
            }
    }

    /// What the user may not store.
    init(_ refusal: StorageRefusal) {
        self =
            switch refusal {
            case .quotaExceeded: Problem(ProblemCode.quotaExceeded)
            case .tooManyDocuments: Problem(ProblemCode.tooManyDocuments)
            }
    }

    static let insufficientCredits = Problem(.insufficientCredits)
}
