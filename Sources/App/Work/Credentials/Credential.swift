import HTTP
import HTTPClient
import JSON
import Postgres

/// A secret with which the flows of a user call other services. Its value is stored sealed and never shown; only a step
/// that names the credential opens it, at the moment of its call.
struct Credential {
    /// How a request carries the value.
    enum Kind: String, CaseIterable {
        /// `Authorization: Bearer VALUE` (RFC 6750, section 2.1).
        case bearer
        /// The value is `USER:PASSWORD` (RFC 7617).
        case basic
        /// The value is that of a header field of any name.
        case header
    }

    let id: String
    let userID: String
    let version: Int64
    let json: JSON

    /// The maximum number of credentials of one user.
    static let maximumCredentials = 100

    static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    static let kind = JSONSchema.string(enum: Kind.allCases.map(\.rawValue)).named("CredentialKind").described(
        "How a request carries the value: `bearer` as `Authorization: Bearer VALUE`, `basic` as the `USER:PASSWORD` of "
            + "Basic authentication, `header` as the value of the field that `header` names")
    static let header = JSONSchema.string(minLength: 1, maxLength: 100).nullable.described(
        "The name of the header field; only for the kind `header`, such as `X-API-Key`")
    static let hosts = JSONSchema.array(of: .string(minLength: 1, maxLength: HostPattern.maximumLength), count: 1...20)
        .described(
            "Where the value may be sent, over https only: a host (`api.example.org`), all hosts below a name "
                + "(`*.example.org`), each at port 443 or at the given one (`api.example.org:8443`)")
    /// Shorter ones would be masked in answers where they are something else.
    static let value = JSONSchema.string(minLength: 8, maxLength: 8_192).described(
        "The secret; no answer shows it. Visible ASCII characters and spaces; for `basic`, any text `USER:PASSWORD`")

    static let resource = Resource(
        "Credential", .id("id"), .text("name", name.described("Unique among your credentials, in any case of letters")),
        .text("kind", kind), .text("header", header),
        .json("hosts", hosts, sql: "array_to_json(hosts)"), .time("created_at"), .time("updated_at"))

    var tag: EntityTag { EntityTag(version: version) }

    /// The associated data of a sealed value, which binds it to its owner and its credential.
    static func associated(_ id: String, of userID: String) -> [UInt8] { associated("\(userID) \(id)") }

    /// The same; `place` is the id of the owner and that of the credential.
    static func associated(_ place: String) -> [UInt8] { Array("credential of \(place)".utf8) }
}
