import Flows
import HTTP
import Postgres

extension Problem {
    /// The one table from the database's errors to answers. Text of the database never enters one.
    init(_ error: PostgresError) {
        self =
            switch error.kind {
            case .server where error.isInsufficientCredits: .insufficientCredits
            case .server(let state) where state == .uniqueViolation:
                Problem(.conflict, "conflict", "This exists already")
            case .server(let state) where state.isDataException:
                Problem(.unprocessable, "invalid_value", "A value is not valid")
            case .server(let state) where state == .lockNotAvailable || state == .queryCanceled || state.isConflict:
                .unavailable()
            case .invalidText: Problem(.unprocessable, "invalid_value", "A text must not contain U+0000")
            case .commitUnknown: .unavailable(retryAfter: 2)
            case _ where error.isUnavailability: .unavailable(retryAfter: 2)
            default: .internalError
            }
    }

    static let insufficientCredits = Problem(.paymentRequired, "insufficient_credits", "The credits do not suffice")
}
