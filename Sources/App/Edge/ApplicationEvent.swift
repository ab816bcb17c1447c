package import Postgres

/// What happens in the application, for its observer. It contains nothing from a request's body or headers.
package enum ApplicationEvent: Sendable {
    /// A request has its response.
    case requestFinished(FinishedRequest)
    /// A request was answered 500 or 503; the detail is for the log only.
    ///
    /// - Parameter route: the path of the endpoint, with the names of its parameters; nil if no endpoint matched.
    case requestFailed(requestID: String, method: String, route: String?, status: Int, detail: String)
    /// A request was answered 429, with this code.
    case limitHit(code: String)
    /// A call was answered 503 because too many passwords are being hashed.
    case hashRefused
    /// Entries of the audit log could not be sealed; the next call that writes an entry seals them.
    case auditNotSealed(detail: String)
    /// The keys of a token issuer could not be fetched; the keys last fetched stay in use for up to a day.
    case issuerUnavailable(issuer: String, reason: String)
    /// The e-mail of a user could not be fetched from Clerk; there are some more attempts, a minute apart.
    case emailNotFetched(reason: String)
    /// The value of a credential could not be fetched from where it is kept.
    case secretsUnavailable(reason: String)
    /// A notification of the end of a run was delivered.
    case notificationDelivered(after: Duration)
    /// An attempt to deliver one has failed; there is another one later.
    case notificationFailed(host: String, reason: String)
    /// One was given up after a day.
    case notificationDead(host: String, reason: String)
    /// Values are sealed with a key that is not in the settings, so that they cannot be opened.
    case sealingKeyMissing(MissingSealingKey)
    /// What has become of an instant of a schedule was stored.
    case scheduleDecided(ScheduleOutcome)
    /// The same for an instant that started no run, if the one before did.
    case scheduleFailed(scheduleID: String, code: String, detail: String)
}

/// What has become of an instant of a schedule.
package enum ScheduleOutcome: String, Sendable, CaseIterable {
    case started, skipped, failed
}

/// A key that is not in the settings, and how many values it has sealed.
package struct MissingSealingKey: Sendable, Equatable {
    package let id: String
    package let count: Int

    package init(id: String, count: Int) {
        self.id = id
        self.count = count
    }
}

/// A request with its response, which is about to be sent.
package struct FinishedRequest: Sendable, Equatable {
    /// nginx's status for a client that disconnected before its response.
    package static let clientDisconnected = 499

    package let requestID: String
    package let method: String
    /// The position of the endpoint in the list of all; nil if no endpoint matched.
    package var endpoint: Int?
    /// The path of the endpoint, with the names of its parameters; nil if no endpoint matched.
    package var route: String?
    /// The status of the response, or `clientDisconnected`.
    package var status = 0
    /// From the first look at the request to its response.
    package var duration = Duration.zero
    /// How long the request occupied a thread, if it then waited without one for its response; nil if it did not.
    package var threadTime: Duration?
    /// Its round trip to the database that took longest; nil if none took ten milliseconds.
    package var slowestStatement: SlowStatement?
    /// How long the request waited for this program; nil if the web server does not say, or its clock differs.
    package var queueTime: Duration?
    /// The length of the body, in bytes; 0 if it was not read.
    package var requestBytes = 0
    /// The length of the response's body, in bytes; nil if it is unknown.
    package var responseBytes: Int? = 0
    /// The user who made the call; nil if it was refused before, or its endpoint is open to everyone.
    package var userID: String?
    /// The API key that the call had; nil without one.
    package var keyID: String?
    /// The id of the distributed trace that the call belongs to; nil without one.
    package var traceID: String?

    package init(requestID: String, method: String) {
        self.requestID = requestID
        self.method = method
    }
}
