package import Crypto
import Flows
import HTTP
package import HTTPClient
import JSON
package import Postgres

/// Where the values of credentials are kept: sealed in the database, or in AWS Secrets Manager. A value that was stored
/// before the setting changed is read where it is.
package struct CredentialStore: Sendable {
    /// Nil: none can be sealed or opened.
    private let keys: KeyRing?
    /// Nil: values are kept in the database.
    private let manager: AWSSecrets?
    private let observe: @Sendable (ApplicationEvent) -> Void

    /// - Parameter observe: called on any thread.
    package init(
        sealedBy keys: KeyRing?, in manager: AWSSecrets? = nil,
        observe: @escaping @Sendable (ApplicationEvent) -> Void = { _ in }
    ) {
        self.keys = keys
        self.manager = manager
        self.observe = observe
    }

    /// What the row of a credential has: the sealed value; nil if `send` stores the value elsewhere. Throws 503 if
    /// there is no key.
    func sealed(_ value: String, _ id: String, of userID: String) throws -> [UInt8]? {
        guard manager == nil else { return nil }
        guard let keys else { throw Problem.unavailable() }
        return keys.seal(value.utf8, associated: Credential.associated(id, of: userID))
    }

    /// Stores a value that is not kept in the row, before the row is committed: if that fails, a value remains that no
    /// row names.
    ///
    /// The kind, the header and the hosts are stored with it: if the commit fails, the row still has the former ones, to
    /// which the new value must not be sent.
    func send(
        _ value: String, for draft: CredentialDraft, _ id: String, of userID: String, on connection: Connection
    ) throws {
        guard let manager else { return }
        // First, because whoever removes what is noted holds the row meanwhile.
        try connection.execute("DELETE FROM removed_secrets WHERE credential_id = \(id)")
        let secret: JSON = [
            "value": .string(value), "kind": .string(draft.kind.rawValue), "header": JSON(draft.header),
            "hosts": .array(draft.hosts.map { .string($0.description) }),
        ]
        try manager.store(secret.text, as: Self.name(id, of: userID))
    }

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
        let sealed = try columns.next([UInt8]?.self)
        let value =
            sealed.map { opened($0, id, userID) }
            ?? fetched(id, userID) { secret in
                secret["kind"]?.stringValue == kind?.rawValue && secret["header"]?.stringValue == header
                    && hosts.allSatisfy { host in Credential.hosts(secret["hosts"]).contains { $0.covers(host) } }
            }
        guard let kind, let value else {
            throw TaskFailure(
                code: "credential_unavailable", message: "The value of the credential cannot be read at the moment")
        }
        return OpenCredential(value, as: kind, header: header, for: hosts)
    }

    /// Nil if the key that sealed the value is not in the settings.
    private func opened(_ sealed: [UInt8], _ id: String, _ userID: String) -> String? {
        guard var bytes = try? keys?.open(sealed, associated: Credential.associated(id, of: userID)) else { return nil }
        defer { bytes.wipe() }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Nil if the value cannot be read, or is not for what the row says.
    private func fetched(_ id: String, _ userID: String, ifItSuits: (JSON) -> Bool) -> String? {
        guard let manager else {
            observe(.secretsUnavailable(reason: "the value is in AWS Secrets Manager, and USE_DB_SECRETS is true"))
            return nil
        }
        do {
            guard let text = try manager.value(of: Self.name(id, of: userID)),
                let secret = try? JSON(parsing: Array(text.utf8)), ifItSuits(secret)
            else { return nil }
            return secret["value"]?.stringValue
        } catch {
            observe(.secretsUnavailable(reason: "\(error)"))
            return nil
        }
    }

    /// Removes one value that is no longer needed from where it is kept. Returns whether there may be more; false
    /// without a place other than the database.
    package func removeSome(on connection: Connection) throws -> Bool {
        guard let manager else { return false }
        return try connection.transaction { connection in
            let row = try connection.query(
                "SELECT credential_id, owner_id FROM removed_secrets LIMIT 1 FOR UPDATE SKIP LOCKED"
            ).first
            guard let (id, userID) = try row?.decode(String.self, String.self) else { return false }
            try manager.remove(Self.name(id, of: userID))
            try connection.execute("DELETE FROM removed_secrets WHERE credential_id = \(id)")
            return true
        }
    }

    private static func name(_ id: String, of userID: String) -> String { "flow-manager/\(userID)/\(id)" }
}
