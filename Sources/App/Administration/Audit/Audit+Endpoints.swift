import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let audit: [Endpoint] = [listAudit]

    private static let auditFilters: [ListQuery.Filter] = [
        .text("action", "action", fitting: AuditLog.action), .id("actor", "actor"), .id("subject", "subject"),
    ]

    private static let listAudit = Endpoint(
        .get, "/api/audit", operation: "listAuditEntries", tag: .audit, access: .admin, summary: "List the audit log",
        description: "Logins, API keys, roles, deletions and other changes, each with who made it.",
        query: ListQuery.parameters(auditFilters, schema: AuditLog.schema),
        answers: [Answer(.ok, "A page of entries", ListQuery.schema(of: AuditLog.schema))]
    ) { context in
        let list = try context.page(of: "audit", filters: auditFilters, schema: AuditLog.schema)
        try AuditLog.seal(on: context.connection)
        return list.page(try AuditLog.list(list, on: context.connection))
    }
}
