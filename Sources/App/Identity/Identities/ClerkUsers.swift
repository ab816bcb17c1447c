import HTTP
package import HTTPClient
import JSON
package import Postgres

/// Clerk's Backend API, which knows the e-mails that are not in the tokens of its users (`GET /v1/users/{id}`).
package struct ClerkUsers: Sendable {
    /// Why the e-mail of a user is not known.
    package enum Failure: Error, Equatable {
        case status(Int)
        /// The answer is not that of the API, or about another user.
        case otherAnswer

        /// Whether only this user's e-mail cannot be fetched. Otherwise the key is not accepted, there were too many
        /// requests, or the API is in trouble.
        package var concernsOneUser: Bool {
            switch self {
            case .status(let status): (400..<500).contains(status) && ![401, 403, 408, 429].contains(status)
            case .otherAnswer: true
            }
        }
    }

    private let url: String
    private let key: String
    private let settings: HTTPClientSettings

    /// - Parameters:
    ///   - url: of the API, without a trailing slash.
    ///   - key: `CLERK_SECRET_KEY`.
    ///   - allowed: private addresses that may be reached.
    package init(at url: String, key: String, allowing allowed: [AddressRange]) {
        self.url = url
        self.key = key
        var settings = HTTPClientSettings()
        settings.allowedAddresses = allowed
        settings.bodyLimit = 256 << 10
        settings.totalTimeout = .seconds(5)
        // The key is for this address only.
        settings.redirectLimit = 0
        self.settings = settings
    }

    /// Asks for a user's verified e-mail, which the account then has, unless it has one already or another account has
    /// this one. Blocks the thread for at most five seconds, and for a statement.
    package func updateEmail(of user: EmailQueue.User, on connection: Connection) throws {
        guard let email = try email(of: user.subject) else { return }
        try Identity.keepEmail(email, of: user.id, on: connection)
    }

    /// The verified e-mail of a user: the primary one, or else the first; nil if none is verified.
    func email(of subject: String) throws -> String? {
        let response = try HTTPClient(settings).send(
            OutgoingRequest(
                .get, "\(url)/v1/users/\(PercentEncoding.encode(subject))",
                headers: ["Accept": "application/json", "Authorization": "Bearer \(key)"]))
        guard response.status == .ok else { throw Failure.status(response.status.rawValue) }
        guard let user = try? JSON(parsing: response.body), user["id"]?.stringValue == subject else {
            throw Failure.otherAnswer
        }
        let verified = (user["email_addresses"]?.arrayValue ?? []).filter { address in
            address["verification"]?["status"]?.stringValue == "verified"
        }
        let primary = user["primary_email_address_id"]?.stringValue
        let chosen = verified.first { primary != nil && $0["id"]?.stringValue == primary } ?? verified.first
        return chosen?["email_address"]?.stringValue.flatMap(Identity.email)
    }
}
