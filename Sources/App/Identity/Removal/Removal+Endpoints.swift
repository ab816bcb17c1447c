import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let removal: [Endpoint] = [deleteMe]

    /// How old the token may be of a caller without a password, in seconds.
    private static let tokenAge: Int64 = 5 * 60

    private static let missingPassword = Violation(
        pointer: "/password", message: "is required to delete the account")

    private static let deleteMe = Endpoint(
        .delete, "/me", operation: "deleteMe", tag: .accounts, access: .session, summary: "Delete your account",
        description: """
            Takes the account's password; without one, the token must be less than five minutes old. Sessions, keys \
            and runs end at once. Everything that the account has is removed soon; the ledger of its credits stays, \
            and the audit log, which has no names, but the network addresses of calls. The e-mail and the username \
            may be registered again.
            """,
        body: .optionalJSON(
            .object(optional: ["password": PasswordPolicy.attempted.described("Required if the account has one")])
                .named("AccountDeletion")),
        idempotency: .refused, answers: [Answer(.noContent, "The account is deleted", headers: [.setCookie])],
        problems: [.wrongPassword, .loginNotRecent, .loginThrottled, .lastAdmin],
        examples: [
            Example("Delete the second account", body: ["password": "{{password}}"], as: .token("other_token"))
        ]
    ) { context in
        let account = try context.user.account
        let hash = try account.passwordHash(on: context.connection)
        if hash != nil {
            try provePassword("password", missing: missingPassword, of: account, context)
        } else if try context.user.issuedAt.map({ context.now - $0 >= tokenAge }) ?? true {
            throw Problem(.loginNotRecent)
        }
        return try User.changing(account.id, removesAdmin: true, context) { user in
            // The password may have been changed after it was proved.
            guard try user.account.passwordHash(on: context.connection) == hash else {
                throw Problem(.wrongPassword)
            }
            try user.delete(context.audit, on: context.connection)
            var response = Response.noContent
            SessionCookies(removedBy: context.request, below: context.services.basePath).add(to: &response)
            return response
        }
    }
}
