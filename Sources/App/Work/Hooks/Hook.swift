import HTTP
import JSON
import Postgres

/// An address at which another service starts runs of a workflow: `POST /hooks/{token}`. The token is the permission
/// to do so; the calls may be signed, too. Both are shown once and stored as a digest or sealed.
struct Hook {
    /// What a call is answered with.
    enum AnswerKind: String, CaseIterable {
        /// The id and the status of the run.
        case status
        /// The result of the run too, if it ends in time.
        case result
    }

    let id: String
    let userID: String
    let workflowID: String
    /// Nil: calls are not signed.
    let scheme: HookScheme?
    /// The names of the header fields that runs get, in lower case.
    let headers: [String]
    let answer: AnswerKind

    /// The maximum number of hooks of one user.
    static let maximumHooks = 100
    /// The maximum number of header fields that a run gets.
    static let maximumHeaders = 20
    /// How many deliveries of a hook are listed.
    static let keptDeliveries = 100
    /// Makes tokens recognizable to scanners for leaked secrets.
    static let tokenPrefix = "fmh_"
    /// The number of random bytes in a token, and in a secret.
    static let randomBytes = 32
    /// How long a replaced token or secret may stay valid, in seconds.
    static let transition: ClosedRange<Int64> = 0...7 * 86_400
    static let defaultTransition: Int64 = 86_400
    /// For how many seconds a call waits for a result, unless it prefers another time.
    static let defaultWait = 20

    /// Header fields that no run gets, because they have secrets.
    static let secretHeaders: Set = [
        "authorization", "cookie", "cookie2", "proxy-authorization", "set-cookie", "stripe-signature",
        "webhook-signature", "x-csrf-token", "x-hub-signature", "x-hub-signature-256",
    ]

    static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    static let scheme = JSONSchema.string(enum: HookScheme.allCases.map(\.rawValue)).named("HookScheme").described(
        "How calls are signed, with HMAC-SHA256: `stripe`, with a time, as Stripe does and the `on_end` of a workflow; "
            + "`github`, as GitHub does")
    static let headers = JSONSchema.array(of: .string(minLength: 1, maxLength: 100), count: 0...maximumHeaders)
        .described("The names of the header fields that runs get as `headers` of their input. Default: none")
    static let answer = JSONSchema.string(enum: AnswerKind.allCases.map(\.rawValue)).named("HookAnswerKind").described(
        "What a call is answered with: `status`, the id and the status of the run; `result`, its result too")

    static let resource = Resource(
        "Hook", .id("id"), .id("user_id").described("The owner"), .id("workflow_id"),
        .text("name", name.nullable),
        .json(
            "signature", JSONSchema.object(required: ["scheme": scheme]).named("HookSignature").nullable,
            sql: "CASE WHEN scheme IS NOT NULL THEN json_build_object('scheme', scheme) END"),
        .json("headers", headers, sql: "array_to_json(headers)"), .text("answer", answer),
        .time(
            "previous_token_expires_at",
            JSONSchema.string(format: .dateTime).nullable.described(
                "Until when the previous URL works too; null if there is none"),
            sql: """
                (SELECT max(t.expires_at) FROM hook_tokens t WHERE t.hook_id = hooks.id AND t.expires_at > now())
                """),
        .time(
            "previous_secret_expires_at",
            JSONSchema.string(format: .dateTime).nullable.described(
                "Until when the previous secret works too; null if there is none"),
            sql: """
                (SELECT max(s.expires_at) FROM hook_secrets s WHERE s.hook_id = hooks.id AND s.expires_at > now())
                """),
        .time("created_at"))

    /// A hook with what no other answer shows.
    static let revealed = resource.schema.extended(
        optional: [
            "url": JSONSchema.string(maxLength: 2_000).described(
                "The URL to call; no other answer shows it"),
            "token": JSONSchema.string(maxLength: 100).described("The last part of the URL"),
            "secret": JSONSchema.string(maxLength: HookScheme.secretLength.upperBound).described(
                "The secret that signs the calls; no other answer shows it"),
        ]
    ).named("RevealedHook")

    /// The associated data of a sealed secret, which binds it to its owner and its hook.
    static func associated(_ id: String, of userID: String) -> [UInt8] { associated("\(userID) \(id)") }

    /// The same; `place` is the id of the owner and that of the hook.
    static func associated(_ place: String) -> [UInt8] { Array("secret of hook \(place)".utf8) }

    func isOpen(to principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}

/// A call of a hook, as its owner sees it.
enum HookDelivery {
    /// The outcomes of calls that were not refused; others have the code of the problem.
    static let started = "started"
    static let repeated = "repeated"
    /// Outcomes that the sender sees as 404.
    static let ownerInactive = "owner_inactive"
    static let workflowDeleted = "workflow_deleted"

    static let resource = Resource(
        "HookDelivery", .id("id"),
        .text("delivery_id", JSONSchema.string(maxLength: 255)).nullable.described(
            "By what the sender identified the call; null if by nothing"),
        .text("outcome", .string(maxLength: 100)).described(
            "`started`, `repeated`, `owner_inactive`, `workflow_deleted`, or the code of the problem"),
        .id("execution_id").nullable.described("The run; null if there is none"),
        .boolean("test", sql: "is_test").described("Whether it was a test call"), .time("created_at"))

    /// The last deliveries of the hook.
    static func all(of hookID: String) -> SQL { "hook_deliveries WHERE hook_id = \(hookID)" }
}
