import Crypto
import Foundation
import JSON
import TestSupport
import Testing
import Tokens

/// Secrets that the program issues once and must never show again: one user's tokens, API key, app secret and codes.
struct GivenSecrets {
    private let user: TestUser
    private let refreshToken: String
    private let key: String
    /// In base32.
    private let appSecret: String
    private let recoveryCodes: [String]
    /// The value of a credential, which a step has named and not sent.
    private let credential = unique("value-of-a-credential")

    init(in stack: Stack) throws {
        user = try stack.makeUser()
        let token = user.token
        func issued(_ target: String, _ body: JSON, _ name: String, as bearer: String? = token) throws -> JSON {
            try stack.patiently { try stack.post(target, body, token: bearer) }[name]
        }
        let login: JSON = ["email": .string(user.email), "password": .string(user.password)]
        refreshToken = try #require(issued("/login", login, "refresh_token", as: nil).stringValue)
        key = try #require(issued("/api/keys", ["name": "k"], "key").stringValue)
        appSecret = try #require(
            issued("/api/mfa/totp", ["current_password": .string(user.password)], "secret").stringValue)
        let app = TOTP(secret: try #require(Base32.decode(appSecret.utf8)))
        let code = app.code(at: Int64(Date().timeIntervalSince1970))
        recoveryCodes = try #require(
            issued("/api/mfa/totp/confirm", ["code": .string(code)], "recovery_codes").arrayValue
        ).compactMap(\.stringValue)
        let stored = try stack.post(
            "/api/credentials", ["name": "c", "value": .string(credential), "hosts": ["localhost"]], token: token)
        guard stored.status == 201 else { throw TestFailure("not stored: \(stored.text)") }
        let task: JSON = [
            "name": "a", "type": "http.request", "credential": "c", "input": ["url": "https://localhost/"],
        ]
        let run = try stack.post("/flow-manager", .flow([task]), token: token, headers: [("Prefer", "wait=20")])
        guard run.text.contains("blocked_address") else { throw TestFailure("not blocked: \(run.text)") }
    }

    var all: [String] {
        let parts = [refreshToken.split(separator: ".").last, user.token.split(separator: ".").last]
        return [refreshToken, key, appSecret, user.token, user.password, credential, Base64.encode(credential.utf8)]
            + recoveryCodes
            + parts.compactMap { $0.map(String.init) }
    }

    /// Responses to failing requests that carry one of the secrets, in its field or elsewhere.
    func failures(in stack: Stack) throws -> [HTTPAnswer] {
        let token = user.token
        let email = JSON.string(user.email)
        var answers: [HTTPAnswer] = []
        for secret in [refreshToken, key, appSecret, recoveryCodes[0], credential] {
            let text = JSON.string(secret)
            answers += try [
                stack.post("/refresh", ["refresh_token": .string(secret + "A")]),
                stack.post("/refresh?refresh_token=\(secret)", ["refresh_token": [text]]),
                stack.get("/me", token: secret + "A"), stack.get("/me?key=\(secret)"),
                stack.get("/me", headers: [("Authorization", "Basic \(secret)")]),
                stack.get(
                    "/me", headers: [("Authorization", "Bearer \(token)"), ("Authorization", "Bearer \(secret)")]),
                stack.post("/api/keys", ["name": [text], "scopes": [text]], token: token),
                stack.post("/api/credentials", ["name": text, "value": text, "hosts": [text]], token: token),
                stack.post("/api/mfa/totp", ["current_password": text], token: token),
                stack.post("/api/mfa/totp/confirm", ["code": text], token: token),
                stack.send("DELETE", "/api/mfa/totp", ["code": .string(secret + "A")], token: token),
                stack.post(
                    "/login", ["email": email, "password": .string(user.password), "otp": .string(secret + "A")]),
                stack.send("PATCH", "/me", ["password": text, "current_password": text], token: token),
                stack.get("/api/users?limit=\(secret)", token: token),
            ]
        }
        for secret in [refreshToken, key] {
            answers += try [
                stack.get("/\(secret)", token: token), stack.send("DELETE", "/api/keys/\(secret)", token: token),
                stack.send("DELETE", "/api/sessions/\(secret)?x=\(secret)", token: token),
            ]
        }
        return answers.filter { $0.status >= 400 }
    }
}
