import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let credits: [Endpoint] = [myCredits, grantCredits, ledger]

    private static let myCredits = Endpoint(
        .get, "/api/credits", operation: "getCredits", tag: .credits, access: .user, summary: "Read your credits",
        answers: [Answer(.ok, "Your credits", Credits.schema)]
    ) { context in
        .json(JSONText.object(try context.user.credits.write))
    }

    private static let ledger = page(
        of: PagedList("ledger", of: LedgerEntry.resource, filters: [.id("user_id")]),
        at: "/api/ledger", operation: "listLedgerEntries", tag: .credits, access: .user,
        summary: "List the entries of your ledger",
        description: """
            Every change of your credits is an entry: where the credits came from, and where they went. Admins read \
            another user's ledger with `user_id`.
            """,
        answer: "A page of entries"
    ) { context in
        let user = try context.user
        let isOpen = user.isAdmin && context.query["user_id"] != nil
        return isOpen ? "ledger WHERE true" : "ledger WHERE user_id = \(user.id)"
    }

    private static let grantCredits = Endpoint(
        .post, "/api/credits/grants", operation: "grantCredits", tag: .credits, access: .admin,
        summary: "Grant credits to a user",
        body: .json(
            .object(
                required: [
                    "user_id": JSONSchema.string(format: .uuid).described("The user who gets the credits"),
                    "amount": .integer(1...LedgerEntry.largestGrant),
                ],
                optional: ["note": LedgerEntry.note.described("A reason, shown in the ledger")]
            ).named("CreditGrant")),
        idempotency: .wholeCall, answers: [Answer(.created, "The ledger entry", LedgerEntry.resource.schema)],
        examples: [
            Example("Grant credits", body: ["user_id": "{{user_id}}", "amount": 10, "note": "Welcome"])
        ]
    ) { context in
        let (userID, amount) = (context.input["user_id"]?.stringValue ?? "", context.input["amount"]?.integerValue ?? 0)
        return try context.connection.atomically { connection in
            guard try User.find(userID, on: connection) != nil else {
                throw Problem.invalid("/user_id", "is not the id of a user")
            }
            let entry = try LedgerEntry.grant(
                amount, to: userID, note: context.input["note"]?.stringValue, on: connection)
            try context.audit.record(.creditsGranted(amount, to: userID))
            return .created(entry, at: "/api/ledger?user_id=\(userID)")
        }
    }
}
