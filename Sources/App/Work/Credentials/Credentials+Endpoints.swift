import Crypto
import HTTP
import HTTPClient
import JSON
import Postgres

extension Endpoint<Context> {
    static let credentials: [Endpoint] = [
        createCredential, listCredentials, readCredential, replaceCredential, deleteCredential,
    ]

    private static let createCredential = Endpoint(
        .post, "/api/credentials", operation: "createCredential", tag: .credentials, access: .account,
        summary: "Store a credential for the calls of your flows",
        description: """
            A task names it by `credential`, with its name or id, and sends it to the `hosts` only. The value is \
            stored encrypted, no answer shows it, and it is masked in what the called service answers. API keys \
            cannot manage credentials.
            """,
        body: .json(CredentialDraft.schema), idempotency: .byHandler,
        answers: [Answer(.created, "The credential", Credential.resource.schema, headers: [.etag])],
        problems: [.tooManyCredentials, .nameTaken],
        examples: [
            Example(
                "Store the token of a service",
                body: [
                    "name": "billing", "value": "{{service_token}}", "kind": "bearer", "hosts": ["api.example.org"],
                ],
                stores: ["credential_id": "/id"])
        ]
    ) { context in
        let (key, connection) = (context.idempotencyKey, context.connection)
        if let answer = try key?.answer(of: context.earlier, on: connection) { return answer }
        let (draft, id, userID) = (try CredentialDraft(context.input), UUIDv7.make(), try context.user.id)
        return try context.services.credentials.keep(draft, id, of: userID) { sealed in
            var isStored = false
            func create() throws -> Response {
                let made = try Credential.insert(
                    draft, id, sealed: sealed, of: userID, context.audit, on: connection)
                guard let made else { throw Problem(.tooManyCredentials) }
                isStored = true
                return .created(
                    made.json, at: "/api/credentials/\(made.id)", headers: ["ETag": made.tag.description])
            }
            // Another call with the key may have been first: then its answer is repeated, and nothing is stored.
            let reply = try key?.answeringOnce(over: connection) { .response(try create()) }
            return (try reply?.initial ?? create(), isStored)
        }
    }

    private static let listCredentials = page(
        of: PagedList(
            "credentials", of: Credential.resource, filters: [.text("name", fitting: Credential.name)]),
        at: "/api/credentials", operation: "listCredentials", tag: .credentials, access: .account,
        summary: "List your credentials", description: "Items do not contain the value.",
        answer: "A page of credentials"
    ) { context in
        Credential.all(of: try context.user.id)
    }

    private static let readCredential = Endpoint(
        .get, "/api/credentials/{id}", operation: "getCredential", tag: .credentials, access: .account,
        summary: "Read a credential, without its value", headers: [.ifNoneMatch],
        answers: [
            Answer(.ok, "The credential", Credential.resource.schema, headers: [.etag]),
            Answer(.notModified, "The version that `If-None-Match` names is current", headers: [.etag]),
        ]
    ) { context in
        let found = try Credential.find(try context.id(), of: context.user.id, on: context.connection)
        guard let credential = found else { throw Problem.notFound }
        if let known = context.request.headers.list("if-none-match"), credential.tag.matches(ifNoneMatch: known) {
            return Response(status: .notModified, headers: ["ETag": credential.tag.description])
        }
        return .json(credential.json, headers: ["ETag": credential.tag.description])
    }

    private static let replaceCredential = Endpoint(
        .put, "/api/credentials/{id}", operation: "replaceCredential", tag: .credentials, access: .account,
        summary: "Replace a credential",
        description: """
            Without `value` the present one stays. It can then get another name and fewer hosts, but no further ones \
            and no other kind: only someone who knows the value can send it elsewhere. Calls from now on use the new \
            value.
            """,
        headers: [.ifMatch], body: .json(CredentialDraft.replacement.schema),
        answers: [Answer(.ok, "The credential", Credential.resource.schema, headers: [.etag])],
        problems: [.versionMismatch, .nameTaken],
        examples: [
            Example(
                "Replace the token",
                body: ["name": "billing", "value": "{{service_token}}", "hosts": ["api.example.org"]])
        ]
    ) { context in
        let (form, draft) = (CredentialDraft.replacement, try CredentialDraft(context.input))
        return try context.connection.transaction { connection in
            let present = try changeable(context)
            try form.check(context.input, against: present.json)
            if draft.value == nil { try refuseWidening(present, to: draft) }
            let credential = try present.replace(
                by: draft, in: context.services.credentials, context.audit, on: connection)
            return .json(credential.json, headers: ["ETag": credential.tag.description])
        }
    }

    private static let deleteCredential = Endpoint(
        .delete, "/api/credentials/{id}", operation: "deleteCredential", tag: .credentials, access: .account,
        summary: "Delete a credential", description: "Steps that name it fail from then on.", headers: [.ifMatch],
        answers: [Answer(.noContent, "The credential is deleted")], problems: [.versionMismatch]
    ) { context in
        try context.connection.transaction { connection in
            try changeable(context).delete(context.audit, on: connection)
            return .noContent
        }
    }

    /// The caller's credential of the path, locked. Throws 412 unless `If-Match` names its version.
    private static func changeable(_ context: Context) throws -> Credential {
        let found = try Credential.find(
            try context.id(), of: context.user.id, locked: true, on: context.connection)
        guard let credential = found else { throw Problem.notFound }
        if let expected = context.request.headers.list("if-match"), !credential.tag.matches(ifMatch: expected) {
            throw Problem(.versionMismatch)
        }
        return credential
    }

    /// Throws 422 if the draft would send the present value elsewhere, or otherwise than before.
    private static func refuseWidening(_ present: Credential, to draft: CredentialDraft) throws {
        let hosts = present.hosts
        let isWider = draft.hosts.contains { host in !hosts.contains { $0.covers(host) } }
        let isOther =
            present.json["kind"] != .string(draft.kind.rawValue) || present.json["header"] != JSON(draft.header)
        guard isWider || isOther else { return }
        throw Problem.invalid("/value", "is required for another kind or header, and for further hosts")
    }
}
