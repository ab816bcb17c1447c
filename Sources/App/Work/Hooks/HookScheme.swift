import Crypto
import HTTP
import System

/// How the calls of a hook are signed: with HMAC-SHA256 by a secret that the sender and this program share.
enum HookScheme: String, CaseIterable {
    /// `Stripe-Signature: t=TIME,v1=CODE`, with the code of `TIME.BODY` (docs.stripe.com/webhooks/signature). The
    /// notifications of this program have the same in `Webhook-Signature`.
    case stripe
    /// `X-Hub-Signature-256: sha256=CODE`, with the code of the body (docs.github.com, "Validating webhook
    /// deliveries").
    case github

    /// How far the time of a signature may be away from now, in seconds.
    static let tolerance: Int64 = 300
    /// The permitted lengths of a secret.
    static let secretLength = 16...255
    /// How many codes of one call are tried: a sender that replaces its secret signs with both.
    private static let maximumCodes = 8

    static func makeSecret() -> String { "whsec_" + SecureRandom.token(bytes: Hook.randomBytes) }

    /// Whether one of the secrets signs the body as it was sent.
    ///
    /// Every code is compared with that of every secret, in constant time.
    ///
    /// - Parameter now: in seconds since 1970.
    func isSigned(_ body: [UInt8], by secrets: [[UInt8]], _ headers: Headers, at now: Int64) -> Bool {
        guard let signature = signature(in: headers, at: now) else { return false }
        let message = signature.prefix + body
        var isValid = false
        for secret in secrets {
            let code = Array(Hexadecimal.encode(HMACSHA256(key: secret).code(for: message)).utf8)
            for candidate in signature.codes {
                let isEqual = constantTimeEquals(candidate.span, code.span)
                isValid = isValid || isEqual
            }
        }
        return isValid
    }

    /// The signature of a body in Stripe's form, with a code of each secret.
    ///
    /// - Parameter time: in seconds since 1970.
    static func signature(of body: [UInt8], by secrets: [[UInt8]], at time: Int64) -> String {
        let message = Array("\(time).".utf8) + body
        let codes = secrets.map { "v1=" + Hexadecimal.encode(HMACSHA256(key: $0).code(for: message)) }
        return (["t=\(time)"] + codes).joined(separator: ",")
    }

    /// The codes of a call, in hexadecimal and lower case, and what precedes the body in the message that they sign.
    private struct Signature {
        var prefix: [UInt8] = []
        var codes: [[UInt8]] = []
    }

    /// Nil if the call has no signature of this scheme, or if its time is too far away.
    private func signature(in headers: Headers, at now: Int64) -> Signature? {
        switch self {
        case .stripe:
            let names = ["stripe-signature", "webhook-signature"].filter { headers[$0] != nil }
            guard let name = names.first, names.count == 1, headers.count(of: name) == 1 else { return nil }
            return headers[name].flatMap { Self.timed($0, at: now) }
        case .github:
            let name = "x-hub-signature-256"
            guard headers.count(of: name) == 1, let field = headers[name], field.hasPrefix("sha256=") else {
                return nil
            }
            return Signature(codes: [Array(field.dropFirst("sha256=".count).lowercased().utf8)])
        }
    }

    /// `t=1767225600,v1=…,v1=…`, with members of other names, which have no meaning here.
    private static func timed(_ field: String, at now: Int64) -> Signature? {
        var signature = Signature()
        for member in field.split(separator: ",") {
            let parts = member.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            guard parts.count == 2 else { return nil }
            switch parts[0] {
            case "t":
                guard signature.prefix.isEmpty, let time = Int64(plain: parts[1]),
                    (now - tolerance...now + tolerance).contains(time)
                else { return nil }
                signature.prefix = Array("\(time).".utf8)
            case "v1": signature.codes.append(Array(parts[1].lowercased().utf8))
            default: continue
            }
        }
        guard !signature.prefix.isEmpty, (1...maximumCodes).contains(signature.codes.count) else { return nil }
        return signature
    }
}
