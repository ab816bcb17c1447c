package import Crypto
import Flows
import HTTPClient
import JSON
import Postgres

/// Opens the credentials that steps name, at the moment of their calls.
package struct CredentialStore: Sendable {
    /// Nil: none can be opened.
    private let keys: KeyRing?

    package init(sealedBy keys: KeyRing?) { self.keys = keys }

    /// The credential that has the name or id, of that user.
    ///
    /// - Throws: `TaskFailure` if there is none, or its value cannot be read.
    func open(_ reference: String, of userID: String, on connection: Connection) throws -> OpenCredential {
        let condition: SQL = reference.isUUID ? "id = \(reference)" : "folded(name) = folded(\(reference))"
        let row = try connection.query(
            """
            SELECT id, kind, header, array_to_json(hosts), sealed
            FROM credentials WHERE user_id = \(userID) AND \(condition)
            """
        ).first
        guard let row else {
            throw TaskFailure(code: "credential_missing", message: "There is no credential '\(reference)'")
        }
        var columns = row.columns
        let id: String = try columns.next()
        let kind = Credential.Kind(rawValue: try columns.next())
        let header: String? = try columns.next()
        let hosts = Credential.hosts(try columns.next(JSON?.self))
        let sealed = try columns.next([UInt8].self)
        guard let kind, let value = value(of: sealed, id, userID) else {
            throw TaskFailure(
                code: "credential_unavailable", message: "The value of the credential cannot be read at the moment")
        }
        return OpenCredential(value, as: kind, header: header, for: hosts)
    }

    /// Nil if the key that sealed the value is not in the settings.
    private func value(of sealed: [UInt8], _ id: String, _ userID: String) -> String? {
        guard var bytes = try? keys?.open(sealed, associated: Credential.associated(id, of: userID)) else { return nil }
        defer { bytes.wipe() }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// A credential with its value, which only the request of one attempt has.
struct OpenCredential {
    let request: RequestCredential
    /// Replaces the value in what the service answers.
    let mask: SecretMask

    init(_ value: String, as kind: Credential.Kind, header: String?, for hosts: [HostPattern]) {
        switch kind {
        case .bearer:
            request = RequestCredential(field: "Authorization", value: "Bearer \(value)", hosts: hosts)
            mask = SecretMask([value])
        case .basic:
            request = RequestCredential(
                field: "Authorization", value: "Basic \(Base64.encode(value.utf8))", hosts: hosts)
            mask = SecretMask([value, Self.secretPart(of: value)])
        case .header:
            request = RequestCredential(field: header ?? "", value: value, hosts: hosts)
            mask = SecretMask([value])
        }
    }

    /// The password of `USER:PASSWORD`; for services that take a key as the user, the user.
    private static func secretPart(of value: String) -> String {
        let parts = value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.last { $0.utf8.count >= SecretMask.minimumLength } ?? ""
    }
}
