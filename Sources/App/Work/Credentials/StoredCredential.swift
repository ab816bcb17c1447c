import HTTPClient
import JSON

/// A credential as its row is; its value may be elsewhere.
struct StoredCredential: Sendable {
    let id: String
    let userID: String
    let kind: Credential.Kind
    let header: String?
    let hosts: [HostPattern]
    /// Nil: the value is in AWS Secrets Manager.
    let sealed: [UInt8]?

    func opened(with value: String) -> OpenCredential {
        OpenCredential(value, as: kind, header: header, for: hosts)
    }

    /// Whether a value of AWS was stored for what the row says: it is not sent otherwise, nor to other hosts.
    func suits(_ secret: JSON) -> Bool {
        let permitted = Credential.hosts(secret["hosts"])
        return secret["kind"]?.stringValue == kind.rawValue && secret["header"]?.stringValue == header
            && hosts.allSatisfy { host in permitted.contains { $0.covers(host) } }
    }
}
