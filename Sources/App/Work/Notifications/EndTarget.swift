import Crypto
import Flows
import HTTP
import HTTPClient
import JSON
import Postgres

/// Where a workflow notifies of the ends of its runs: the field `on_end`. Like the concurrency limit, it belongs to no
/// version.
struct EndTarget: Equatable {
    let url: String
    /// The ends that are notified; nil: all.
    let statuses: [String]?

    /// The statuses of a run that has ended.
    private static let ends = ExecutionStatus.allCases.filter(\.isEnd).map(\.rawValue)
    private static let url = JSONSchema.string(minLength: 1, maxLength: 2_000).described(
        "An http or https URL without a user, of a host on the public internet")
    private static let statuses = JSONSchema.array(
        of: .string(enum: ends).named("EndStatus"), count: 1...ends.count
    ).nullable.described("The ends that are notified. Default: null, which means all")
    private static let secret = JSONSchema.string(maxLength: 100)

    /// As a caller sends it.
    static let draft = JSONSchema.object(
        required: ["url": url],
        optional: ["statuses": statuses, "secret": secret.described("As it was shown; it has no effect")]
    ).named("EndTargetDraft").nullable.described(
        "Where the ends of runs are notified, except of those that other runs start. Not for guests. Default: null")

    /// As it is shown.
    static let schema = JSONSchema.object(
        required: ["url": url, "statuses": statuses],
        optional: [
            "secret": secret.described(
                "What signs the notifications. Only the answer that sets `on_end` shows it, unless that call has an "
                    + "`Idempotency-Key`")
        ]
    ).named("EndTarget").nullable.described("Where the ends of runs are notified; null: nowhere")

    /// Of `workflows w`.
    static let sql: SQL = """
        CASE WHEN w.end_url IS NOT NULL THEN json_build_object('url', w.end_url, 'statuses', w.end_statuses) END
        """

    /// Nil without a URL.
    init?(url: String?, statuses: JSON?) {
        guard let url else { return nil }
        self.url = url
        self.statuses = statuses?.arrayValue?.compactMap(\.stringValue)
    }

    /// Nil for null, and for what does not fit `draft`.
    init?(_ draft: JSON?) {
        self.init(url: draft?["url"]?.stringValue, statuses: draft?["statuses"])
    }

    /// What is wrong with it, at `/on_end`.
    var mistake: Violation? {
        do {
            _ = try OutgoingRequest(.post, url).checkedHost()
        } catch {
            return Violation(
                at: ["on_end", "url"], "must be an http or https URL with a host in ASCII and without a user")
        }
        guard let statuses, Set(statuses).count < statuses.count else { return nil }
        return Violation(at: ["on_end", "statuses"], "names a status twice")
    }

    /// - Parameter secret: what signs the notifications, if the answer shows it.
    func json(secret: String? = nil) -> JSON {
        var json = JSONObject([
            .init(name: "url", value: .string(url)),
            .init(name: "statuses", value: statuses.map { .array($0.map(JSON.string)) } ?? .null),
        ])
        if let secret { json["secret"] = .string(secret) }
        return .object(json)
    }

    /// The associated data of a sealed secret, which binds it to its owner and its workflow.
    static func associated(_ workflowID: String, of userID: String) -> [UInt8] { associated("\(userID) \(workflowID)") }

    /// The same; `place` is the id of the owner and that of the workflow.
    static func associated(_ place: String) -> [UInt8] { Array("end secret of workflow \(place)".utf8) }
}

/// The secrets that sign the notifications of a workflow.
enum EndSecret {
    /// Stores a secret for a workflow that had none.
    static func insertion(_ sealed: [UInt8], of workflowID: String, _ userID: String) -> SQL {
        """
        INSERT INTO end_secrets (id, workflow_id, user_id, sealed)
        VALUES (\(UUIDv7.make()), \(workflowID), \(userID), \(sealed))
        """
    }

    /// Replaces the secret. The former one signs too for that many seconds.
    static func replace(
        by sealed: [UInt8], of workflowID: String, _ userID: String, after seconds: Int64, on connection: Connection
    ) throws {
        try connection.pipeline([
            "DELETE FROM end_secrets WHERE workflow_id = \(workflowID) AND expires_at IS NOT NULL",
            """
            UPDATE end_secrets SET expires_at = now() + \(seconds) * interval '1 second'
            WHERE workflow_id = \(workflowID) AND expires_at IS NULL
            """,
            insertion(sealed, of: workflowID, userID),
        ])
    }

    /// For a workflow that notifies of its ends no more: removes its secrets, and drops what is pending.
    static func removal(of workflowID: String) -> [SQL] {
        [
            "DELETE FROM end_secrets WHERE workflow_id = \(workflowID)",
            """
            UPDATE end_notifications
            SET state = 'dropped', due_at = NULL, lease = NULL, ended_at = clock_timestamp()
            WHERE workflow_id = \(workflowID) AND state = 'pending'
            """,
        ]
    }
}
