import Crypto
import HTTP
import JSON
import Tokens

typealias Parser = @Sendable ([UInt8]) -> Void

/// The parsers of what strangers send before anybody knows who they are, and what reads the work of those who are known.
/// Each is given any bytes, and besides not trapping must keep what its line says.
let parsers: [String: Parser] = [
    // One text for one value: what is read is written again as it was.
    "base64url": { input in
        guard let bytes = Base64URL.decode(input) else { return }
        precondition(Array(Base64URL.encode(bytes).utf8) == input)
    },
    // No name or value holds what could break out of a line, and reading its own text gives the same fields.
    "form": { input in
        guard let text = String(validating: input, as: UTF8.self), let form = FormFields(parsing: text[...]) else {
            return
        }
        for field in form.fields {
            precondition(!(field.name + field.value).utf8.contains { $0 < 0x20 || $0 == 0x7F })
        }
        let again = form.fields.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
        let fields = FormFields(parsing: again[...])?.fields ?? []
        precondition(fields.elementsEqual(form.fields) { $0.name == $1.name && $0.value == $1.value })
    },
    // Nothing is a token of ours but what we signed.
    "jwt": { input in
        guard let token = String(validating: input, as: UTF8.self) else { return }
        guard let claims = try? issuer.verify(token, now: now) else { return }
        precondition(token == issuer.sign(claims))
    },
    // Claims that were signed by us and hold nonsense: only whole and present ones count.
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
    // What is read is written so that it reads the same.
    "json": { input in
        guard let value = try? JSON(parsing: input) else { return }
        precondition((try? JSON(parsing: value.serialized())) == value)
    },
    // No segment can leave its place.
    "path": { input in
        guard let text = String(validating: input, as: UTF8.self), let path = Path(parsing: text[...]) else { return }
        for segment in path.segments {
            precondition(!segment.isEmpty && segment != "." && segment != ".." && !segment.utf8.contains(0x2F))
        }
    },
    "task": { runTask($0) },
    "flow": { readFlow($0) },
]

private let now: Int64 = 1_800_000_000
private let secret = Array("a key that only this fuzzer knows".utf8)
private let issuer: TokenIssuer = {
    guard let keys = try? TokenKeys(secret: secret) else { preconditionFailure("the key is too short") }
    return TokenIssuer(keys: keys, issuer: "flow-manager", audience: "flow-manager")
}()

/// A token with our signature over any claims; the header is taken from one of ours.
private let header: Substring = {
    let id = "019a0000-0000-7000-8000-000000000001"
    let claims = Claims(subject: id, session: id, issuedAt: now, notBefore: now, expires: now + 60)
    return issuer.sign(claims).prefix { $0 != "." }
}()

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
