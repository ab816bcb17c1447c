import Crypto
import HTTPClient

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
