import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let guests: [Endpoint] = [makeGuest, convertGuest]

    private static let makeGuest = Endpoint(
        .post, "/api/guests", operation: "createGuest", tag: .guests, access: .everyone,
        summary: "Try the service as a guest",
        description: """
            A guest has no name and no password, lasts \(Guest.lifetimeDays) days, and has this one session. A network \
            address has one guest at a time.
            """,
        idempotency: .refused, rateClass: .register,
        answers: [Answer(.created, "The guest and its tokens", Session.guestTokens, headers: [.setCookie])],
        problems: [.guestLimit],
        examples: [Example("Try the service as a guest", stores: ["guest_token": "/token"])]
    ) { context in
        let made = try context.connection.transaction { connection in
            try Guest.make(of: context.network, on: connection).map { account in
                try context.services.welcome.give(to: account.id, .guest, on: connection)
                try context.audit.record(.registered(account.id))
                let session = try Session.begin(
                    for: account.id, verifiedBy: nil, with: .guest, lasting: Guest.lifetimeDays, by: context.request,
                    context.audit, on: connection)
                return (account, session)
            }
        }
        guard let (account, session) = made, let session else {
            throw Guest.limit.exceeded(
                .guestLimit, wait: try Guest.wait(of: context.network, on: context.connection))
        }
        let profile = Profile(
            account: account, credits: Credits(balance: context.services.welcome.guest, held: 0),
            storage: StoredBytes(0, of: .guest, context.storage))
        var response = try session.answer(context, status: .created, with: ["user": profile.json])
        response.headers.append(name: "Location", value: "/me")
        return response
    }

    private static let convertGuest = Endpoint(
        .post, "/api/guests/convert", operation: "convertGuest", tag: .guests, access: .session,
        summary: "Turn the guest into an account",
        description: """
            The account keeps the guest's id, session, credits and everything that the guest has created. Only a guest \
            may call this.
            """,
        body: .json(Registration.schema, rules: Registration.violations(in:)), idempotency: .refused,
        answers: [Answer(.ok, "The account", Profile.schema)],
        problems: [.alreadyRegistered, .rateLimited],
        examples: [
            Example(
                "Turn the guest into an account", body: ["email": "guest.{{email}}", "password": "{{password}}"],
                as: .token("guest_token"))
        ]
    ) { context in
        let guest = try context.user.account
        guard guest.role == .guest else { throw notAGuest }
        let registration = try Registration(context.input)
        try countRegistration(context)
        let hash = try context.passwords.hash(registration.password)
        do {
            let account = try Guest.convert(
                guest.id, to: registration, passwordHash: hash, context.audit, on: context.connection)
            guard let account else { throw notAGuest }
            let bytes = try StoredBytes.find(of: account.id, on: context.connection)
            return try profile(of: account, storing: bytes, context)
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw Problem.nameTaken
        }
    }

    private static let notAGuest = Problem.forbidden("Only guests may do this: it needs the role 'guest'")
}
