import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let credits: [Endpoint] = [myCredits, ledger, grantCredits]

    private static let myCredits = Endpoint(
        .get, "/api/credits", access: .user, summary: "What the caller can spend",
        answers: [Answer(.ok, "The caller's credits", Credits.schema)]
    ) { context in
        .json(JSONText.object(try context.user.credits.write))
    }

    private static let filters: [ListQuery.Filter] = [.id("user_id", "user_id")]

    private static let ledger = Endpoint(
        .get, "/api/ledger", access: .user,
        summary: "Where the caller's credits came from and went to; for admins another's, by user_id",
        query: ListQuery.parameters(filters, schema: LedgerEntry.schema),
        answers: [Answer(.ok, "A page of entries", ListQuery.schema(of: LedgerEntry.schema))]
    ) { context in
        let user = try context.user
        let list = try ListQuery(context, list: "ledger", filters: filters, schema: LedgerEntry.schema)
        let isOpen = user.isAdmin && context.query["user_id"] != nil
        return list.page(
            try LedgerEntry.list(list, where: isOpen ? "true" : "user_id = \(user.id)", on: context.connection))
    }

    private static let grantCredits = Endpoint(
        .post, "/api/credits/grants", access: .admin, summary: "Give a user credits",
        body: .json(
            .object(
                required: ["user_id": .string(format: .uuid), "amount": .integer(1...LedgerEntry.largestGrant)],
                optional: ["note": .string(maxLength: 500)]
            ).named("CreditGrant")),
        idempotency: .wholeCall, answers: [Answer(.created, "The entry of the ledger", LedgerEntry.schema)]
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
