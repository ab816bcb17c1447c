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
    /// Runs a job of a user later.
    package typealias Later = @Sendable (_ userID: String, _ job: @escaping @Sendable () -> Void) -> Void

    private let later: Later
    private let observe: @Sendable (ApplicationEvent) -> Void

    /// - Parameters:
    ///   - later: runs what waits for AWS; the default is at once, for processes that execute no steps.
    ///   - observe: called on any thread.
    package init(
        sealedBy keys: KeyRing?, in manager: AWSSecrets? = nil,
        later: @escaping Later = { _, job in job() },
        observe: @escaping @Sendable (ApplicationEvent) -> Void = { _ in }
    ) {
        self.keys = keys
        self.manager = manager
        self.later = later
        self.observe = observe
    }

    /// Seals the value of a new credential or sends it to AWS, and then lets `insert` store the row. If no row is
    /// stored, the value is removed from AWS; if the outcome of the commit is unknown, it stays.
    ///
    /// Nothing may be locked before, because AWS may take seconds.
    ///
    /// - Parameter insert: gets what the row has, and returns whether the row is stored.
    func keep<Result>(
        _ draft: CredentialDraft, _ id: String, of userID: String,
        _ insert: (_ sealed: [UInt8]?) throws -> (Result, isStored: Bool)
    ) throws -> Result {
        let value = draft.value ?? ""
        let sealed = try sealed(value, id, of: userID)
        guard sealed == nil else { return try insert(sealed).0 }
        try send(value, for: draft, id, of: userID)
        do {
            let (result, isStored) = try insert(nil)
            if !isStored { withdraw(id, of: userID) }
            return result
        } catch {
            if (error as? PostgresError)?.kind != .commitUnknown { withdraw(id, of: userID) }
            throw error
        }
    }

    /// What the row of a credential has: the sealed value; nil if `send` stores the value elsewhere. Throws 503 if
    /// there is no key.
    func sealed(_ value: String, _ id: String, of userID: String) throws -> [UInt8]? {
        guard manager == nil else { return nil }
        guard let keys else { throw Problem.unavailable() }
        return keys.seal(value.utf8, associated: Credential.associated(id, of: userID))
    }

    /// Stores a value that is not kept in the row, before the row is committed.
    ///
    /// The kind, the header and the hosts are stored with it: if the commit fails, the row still has the former ones,
    /// to which the new value must not be sent.
    func send(_ value: String, for draft: CredentialDraft, _ id: String, of userID: String) throws {
        let secret: JSON = [
            "value": .string(value), "kind": .string(draft.kind.rawValue), "header": JSON(draft.header),
            "hosts": .array(draft.hosts.map { .string($0.description) }),
        ]
        try manager?.store(secret.text, as: Self.name(id, of: userID))
    }

    /// Removes the value of a credential that was not stored after all. If that fails, a value remains that no row
    /// names.
    private func withdraw(_ id: String, of userID: String) {
        do {
            try manager?.remove(Self.name(id, of: userID))
        } catch {
            observe(.secretsUnavailable(reason: "\(error)"))
        }
    }

    /// The credential that has the name or id, of that user.
    ///
    /// - Throws: `TaskFailure` if there is none.
    func find(_ reference: String, of userID: String, on connection: Connection) throws -> StoredCredential {
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
        guard let kind = Credential.Kind(rawValue: try columns.next()) else { throw Self.unavailable }
        let header: String? = try columns.next()
        let hosts = Credential.hosts(try columns.next(JSON?.self))
        let sealed = try columns.next([UInt8]?.self)
        return StoredCredential(id: id, userID: userID, kind: kind, header: header, hosts: hosts, sealed: sealed)
    }

    /// Reads the value of the credential, and calls `opened` once: at once if the row has the value, else on the thread
    /// that asks AWS. The failure is that of the step.
    ///
    /// - Parameter isWanted: whether the value is still wanted when that thread comes to it; if not, nothing is called.
    func open(
        _ stored: StoredCredential, while isWanted: @escaping @Sendable () -> Bool = { true },
        _ opened: @escaping @Sendable (Result<OpenCredential, TaskFailure>) -> Void
    ) {
        let read: @Sendable () -> Void = { [self] in
            guard isWanted() else { return }
            let value = stored.sealed == nil ? fetched(stored) : unsealed(stored)
            if let value {
                opened(.success(stored.opened(with: value)))
            } else {
                opened(.failure(Self.unavailable))
            }
        }
        if stored.sealed == nil { later(stored.userID, read) } else { read() }
    }

    private static var unavailable: TaskFailure {
        TaskFailure(
            code: "credential_unavailable", message: "The value of the credential cannot be read at the moment")
    }

    /// Nil if the key that sealed the value is not in the settings.
    private func unsealed(_ stored: StoredCredential) -> String? {
        let associated = Credential.associated(stored.id, of: stored.userID)
        guard let sealed = stored.sealed, var bytes = try? keys?.open(sealed, associated: associated) else {
            return nil
        }
        defer { bytes.wipe() }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Nil if the value cannot be read, or is not for what the row says.
    private func fetched(_ stored: StoredCredential) -> String? {
        guard let manager else {
            observe(.secretsUnavailable(reason: "the value is in AWS Secrets Manager, and USE_DB_SECRETS is true"))
            return nil
        }
        do {
            guard let text = try manager.value(of: Self.name(stored.id, of: stored.userID)),
                let secret = try? JSON(parsing: Array(text.utf8)), stored.suits(secret)
            else { return nil }
            return secret["value"]?.stringValue
        } catch {
            observe(.secretsUnavailable(reason: "\(error)"))
            return nil
        }
    }

    /// Removes one value that is no longer needed from where it is kept. Returns whether there may be more; false
    /// without a place other than the database.
    ///
    /// A value that cannot be removed now has its turn again after the others.
    package func removeSome(on connection: Connection) throws -> Bool {
        guard let manager else { return false }
        return try connection.transaction { connection in
            let row = try connection.query(
                """
                SELECT credential_id, owner_id FROM removed_secrets WHERE due_at <= now()
                ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
                """
            ).first
            guard let (id, userID) = try row?.decode(String.self, String.self) else { return false }
            do {
                try manager.remove(Self.name(id, of: userID))
                try connection.execute("DELETE FROM removed_secrets WHERE credential_id = \(id)")
                return true
            } catch let error as AWSError {
                observe(.secretsUnavailable(reason: error.description))
                try connection.execute(
                    """
                    UPDATE removed_secrets SET due_at = now() + interval '10 minutes' WHERE credential_id = \(id)
                    """)
                return !error.isTrouble
            }
        }
    }

    private static func name(_ id: String, of userID: String) -> String { "flow-manager/\(userID)/\(id)" }
}
