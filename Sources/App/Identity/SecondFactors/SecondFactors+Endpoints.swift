import HTTP
import JSON
import Postgres
import Tokens

extension Endpoint<Context> {
    static let secondFactors: [Endpoint] = [beginFactor, confirmFactor, removeFactor]

    private static let codeBody = BodyFormat.json(
        .object(
            required: [
                "code": JSONSchema.string(minLength: 1, maxLength: 100).described(
                    "The code that the app shows. To remove the app, a recovery code is accepted too")
            ]
        ).named("SecondFactorCode"))

    private static let beginFactor = Endpoint(
        .post, "/api/mfa/totp", operation: "createSecondFactor", tag: .secondFactor, access: .account,
        summary: "Start to set up an authenticator app",
        description: """
            Add the secret to the app, by hand or as a QR code of the `uri`, and confirm it with the app's first code: \
            logins need a code only from then on. A repeated call replaces a secret that is not confirmed yet.
            """,
        body: .json(
            .object(
                required: ["current_password": PasswordPolicy.attempted.described("The password of the account")]
            ).named("SecondFactorDraft")),
        idempotency: .refused,
        answers: [
            Answer(
                .created, "What the app needs; no other answer shows it",
                JSONSchema.object(required: [
                    "secret": JSONSchema.string(maxLength: 100).described(
                        "The secret in Base32, to be typed into the app"),
                    "uri": JSONSchema.string(maxLength: 4_096).described(
                        "The `otpauth://` address, to be shown as a QR code"),
                ]).named("NewSecondFactor"))
        ],
        problems: [.wrongPassword, .secondFactorActive, .loginThrottled],
        examples: [
            Example(
                "Start to set up an authenticator app", body: ["current_password": "{{password}}"],
                stores: ["totp_secret": "/secret"])
        ]
    ) { context in
        guard let keys = context.services.sealingKeys else { throw Problem.unavailable() }
        let account = try context.user.account
        try proveCurrentPassword(of: account, context)
        guard
            let begun = try SecondFactor.begin(
                for: account, keys, issuer: "Flow Manager", on: context.connection)
        else { throw Problem(.secondFactorActive) }
        return .created(begun, at: "/api/mfa/totp")
    }

    private static let confirmFactor = Endpoint(
        .post, "/api/mfa/totp/confirm", operation: "confirmSecondFactor", tag: .secondFactor, access: .account,
        summary: "Activate the authenticator app",
        description: "Each of the recovery codes replaces a code of the app once. Store them safely.",
        body: codeBody, idempotency: .refused,
        answers: [
            Answer(
                .ok, "The recovery codes; no other answer shows them",
                JSONSchema.object(required: ["recovery_codes": .array(of: .string(maxLength: 100))]).named(
                    "RecoveryCodes"))
        ],
        problems: [.wrongCode, .nothingToConfirm, .loginThrottled],
        examples: [
            Example(
                "Activate the authenticator app", body: ["code": "{{otp}}"],
                stores: ["recovery_code": "/recovery_codes/0"])
        ]
    ) { context in
        try context.connection.transaction { connection in
            let factor = try SecondFactor.find(
                of: context.user.id, locked: true, context.services.sealingKeys, on: connection)
            guard let factor, !factor.isConfirmed else { throw Problem(.nothingToConfirm) }
            try prove(factor, context) { try factor.accepts($0, now: context.now, on: connection) ? .app : nil }
            let codes = try factor.confirm(on: connection)
            try context.audit.record(.factorSet(of: context.user.id))
            return .json(["recovery_codes": .array(codes.map { .string($0.text) })])
        }
    }

    private static let removeFactor = Endpoint(
        .delete, "/api/mfa/totp", operation: "deleteSecondFactor", tag: .secondFactor, access: .account,
        summary: "Remove the authenticator app",
        description: "Takes a code of the app or a recovery code. The recovery codes are deleted too.",
        body: codeBody, idempotency: .refused,
        answers: [Answer(.noContent, "The authenticator app is removed")],
        problems: [.wrongCode, .notFound, .loginThrottled],
        examples: [Example("Remove the authenticator app", body: ["code": "{{recovery_code}}"])]
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
        guard proof != nil else { throw Problem(.wrongCode) }
    }
}
