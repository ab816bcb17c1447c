import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let identities: [Endpoint] = [listBlocked, unblock]

    private static let listBlocked = page(
        of: PagedList("identities", of: Identity.blocked), at: "/api/identities", operation: "listBlockedIdentities",
        tag: .users, access: .admin, summary: "List the external identities of deleted accounts",
        description: "Tokens of these users are refused: they get no new account until the identity is deleted.",
        answer: "A page of identities"
    ) { _ in
        "identities WHERE blocked_at IS NOT NULL"
    }

    private static let unblock = Endpoint(
        .delete, "/api/identities/{id}", operation: "deleteBlockedIdentity", tag: .users, access: .admin,
        summary: "Unblock the external identity of a deleted account",
        description: "The user's next token creates a new account.",
        answers: [Answer(.noContent, "The identity is unblocked")],
        examples: [
            Example("Unblock the identity of an account that has none", path: ["id": "{{user_id}}"], status: .notFound)
        ]
    ) { context in
        let id = try context.id()
        return try context.connection.transaction { connection in
            guard try Identity.unblock(id, on: connection) else { throw Problem.notFound }
            try context.audit.record(.identityUnblocked(id))
            return .noContent
        }
    }
}
