import Cron
import Crypto
import HTTP
import JSON
import Tokens

typealias Parser = @Sendable ([UInt8]) -> Void

/// The parsers of input from clients that are not authenticated, and the readers of tasks, flows and queries.
/// Each is called with arbitrary bytes. It must not trap, and must keep the invariant stated in its comment.
let parsers: [String: Parser] = [
    // Each value has one encoding: encoding the decoded bytes gives the input.
    "base64url": { input in
        guard let bytes = Base64URL.decode(input) else { return }
        precondition(Array(Base64URL.encode(bytes).utf8) == input)
    },
    // No name or value contains control characters, and parsing the encoded fields gives the same fields.
    "form": { input in
        guard let text = String(validating: input, as: UTF8.self), let form = FormFields(parsing: text[...]) else {
            return
        }
        for field in form.fields {
            precondition(!(field.name + field.value).utf8.contains { $0 < 0x20 || $0 == 0x7F })
        }
        let encoded = form.fields.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
        let fields = FormFields(parsing: encoded[...])?.fields ?? []
        precondition(fields.elementsEqual(form.fields) { $0.name == $1.name && $0.value == $1.value })
    },
    // Only tokens that the issuer has signed are accepted.
    "jwt": { input in
        guard let token = String(validating: input, as: UTF8.self) else { return }
        guard let claims = try? issuer.verify(token, now: now) else { return }
        precondition(token == issuer.sign(claims))
    },
    // Arbitrary claims with a valid signature: they are accepted only if they are complete and valid at this time.
    "claims": { input in
        guard let claims = try? issuer.verify(signed(input), now: now) else { return }
        precondition(claims.subject.isUUID && claims.session.isUUID)
        precondition(claims.issuedAt <= now + 30 && claims.notBefore <= now + 30 && claims.expires > now - 30)
    },
    "refresh": { input in
        guard let text = String(validating: input, as: UTF8.self), let token = RefreshToken(text) else { return }
        precondition(token.text == text)
        precondition(!issuer.isGenuine(token, seed: Array("another session's".utf8)))
    },
    // Mistakes are within the text. What is accepted fires, at times in order.
    "cron": { input in
        guard let text = String(validating: input, as: UTF8.self) else { return }
        do throws(CronMistake) {
            let expression = try CronExpression(text)
            let times = Array(expression.times(after: LocalTime(minutes: 29_000_000)).prefix(20))
            precondition(times.count == 20 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        } catch {
            precondition((1...text.utf8.count + 1).contains(error.position) && error.message.utf8.count < 40_000)
        }
    },
    // Parsing a serialized value gives the same value.
    "json": { input in
        guard let value = try? JSON(parsing: input) else { return }
        precondition((try? JSON(parsing: value.serialized())) == value)
    },
    // No segment can change the folder or contain a separator.
    "path": { input in
        guard let text = String(validating: input, as: UTF8.self), let path = Path(parsing: text[...]) else { return }
        for segment in path.segments {
            precondition(!segment.isEmpty && segment != "." && segment != ".." && !segment.utf8.contains(0x2F))
        }
    },
    "jsonpath": { parseQuery($0) },
    "nodes": { evaluateQuery($0) },
    "iregexp": { matchExpression($0) },
    "task": { runTask($0) },
    "flow": { readFlow($0) },
]

private let now: Int64 = 1_800_000_000
private let secret = Array("a key that only this fuzzer knows".utf8)
private let issuer: TokenIssuer = {
    guard let keys = try? TokenKeys(secret: secret) else { preconditionFailure("the key is too short") }
    return TokenIssuer(keys: keys, issuer: "flow-manager", audience: "flow-manager")
}()

/// The header of a genuine token.
private let header: Substring = {
    let id = "019a0000-0000-7000-8000-000000000001"
    let claims = Claims(subject: id, session: id, issuedAt: now, notBefore: now, expires: now + 60)
    return issuer.sign(claims).prefix { $0 != "." }
}()

/// A token with a valid signature over arbitrary claims.
private func signed(_ claims: [UInt8]) -> String {
    let message = "\(header).\(Base64URL.encode(claims))"
    return "\(message).\(Base64URL.encode(HMACSHA256(key: secret).code(for: message.utf8)))"
}

private func escaped(_ text: String) -> String {
    text.utf8.map { byte in
        let digits = String(byte, radix: 16)
        return "%" + (digits.utf8.count == 1 ? "0" + digits : digits)
    }.joined()
}
