import Crypto
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let secondFactors: [Endpoint] = [beginFactor, confirmFactor, removeFactor]

    private static let code = JSONSchema.string(minLength: 1, maxLength: 100)
    private static let wrongCode = Answer(.forbidden, "The code is not right, or was used before", Problem.schema)

    private static let beginFactor = Endpoint(
        .post, "/api/mfa/totp", access: .account, summary: "Begin to use an authenticator app; confirm it with a code",
        body: .json(.object(required: ["current_password": PasswordPolicy.attempted]).named("SecondFactorDraft")),
        idempotency: .refused,
        answers: [
            Answer(.created, "What the app needs, shown once", .object(required: ["secret": .string, "uri": .string])),
            Answer(.forbidden, "The current password is another one", Problem.schema),
            Answer(.conflict, "An app is in use already", Problem.schema),
            Answer(.tooManyRequests, "After wrong passwords: Retry-After says when to try again", Problem.schema),
        ]
    ) { context in
        guard let keys = context.services.sealingKeys else { throw Problem.unavailable() }
        let account = try context.user.account
        try proveCurrentPassword(of: account, context)
        guard
            let begun = try SecondFactor.begin(
                for: account, keys, issuer: "Flow Manager", on: context.connection)
        else { throw Problem(.conflict, "second_factor_active", "An authenticator app is in use already") }
        return .created(begun, at: "/api/mfa/totp")
    }

    private static let confirmFactor = Endpoint(
        .post, "/api/mfa/totp/confirm", access: .account, summary: "Put the authenticator app in force",
        body: .json(.object(required: ["code": code]).named("SecondFactorCode")), idempotency: .refused,
        answers: [
            Answer(
                .ok, "The recovery codes, shown once", .object(required: ["recovery_codes": .array(of: .string)])),
            wrongCode, Answer(.conflict, "There is no app to confirm", Problem.schema),
            Answer(.tooManyRequests, "After wrong codes: Retry-After says when to try again", Problem.schema),
        ]
    ) { context in
        try context.connection.transaction { connection in
            let factor = try SecondFactor.find(
                of: context.user.id, locked: true, context.services.sealingKeys, on: connection)
            guard let factor, !factor.isConfirmed else {
                throw Problem(.conflict, "nothing_to_confirm", "There is no authenticator app to confirm")
            }
            try prove(factor, context) { try factor.accepts($0, now: context.now, on: connection) ? .app : nil }
            let codes = try factor.confirm(on: connection)
            try context.audit.record(.factorSet(of: context.user.id))
            return .json(["recovery_codes": .array(codes.map { .string($0.text) })])
        }
    }

    private static let removeFactor = Endpoint(
        .delete, "/api/mfa/totp", access: .account, summary: "Stop using the authenticator app",
        body: .json(.object(required: ["code": code]).named("SecondFactorCode")), idempotency: .refused,
        answers: [
            Answer(.noContent, "Removed, with the recovery codes"), wrongCode,
            Answer(.notFound, "There is none", Problem.schema),
            Answer(.tooManyRequests, "After wrong codes: Retry-After says when to try again", Problem.schema),
        ]
    ) { context in
        try context.connection.transaction { connection in
            let factor = try SecondFactor.find(
                of: context.user.id, locked: true, context.services.sealingKeys, on: connection)
            guard let factor else { throw Problem.notFound }
            try prove(factor, context) { try factor.proof($0, now: context.now, context.audit, on: connection) }
            _ = try SecondFactor.remove(of: context.user.id, context.audit, on: connection)
            return .noContent
        }
    }

    private static func prove(
        _ factor: SecondFactor, _ context: Context, _ proof: (String) throws -> AuditEvent.Factor?
    ) throws {
        let proof = try factor.guarded(by: context.services.loginLimits) {
            try proof(context.input["code"]?.stringValue ?? "")
        }
        guard proof != nil else { throw Problem(.forbidden, "wrong_code", "The code is not right") }
    }
}
