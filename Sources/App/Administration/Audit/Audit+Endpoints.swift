import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let audit: [Endpoint] = [listAudit]

    private static let listAudit = page(
        of: PagedList(
            "audit", of: AuditLog.entry,
            filters: [.text("action", fitting: AuditLog.action), .id("actor"), .id("subject")]),
        at: "/api/audit", operation: "listAuditEntries", tag: .audit, access: .admin, summary: "List the audit log",
        description: "Logins, API keys, roles, deletions and other changes, each with who made it.",
        answer: "A page of entries"
    ) { context in
        try AuditLog.seal(on: context.connection)
        return "audit_log WHERE true"
    }
}
