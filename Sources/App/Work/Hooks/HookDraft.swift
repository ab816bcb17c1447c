import HTTP
import JSON

/// A hook as a caller asks for it, completely validated.
struct HookDraft {
    let name: String?
    let scheme: HookScheme?
    /// Nil for a hook without a signature.
    let secret: String?
    let headers: [String]
    let answer: Hook.AnswerKind

    static let secret = JSONSchema.string(
        minLength: HookScheme.secretLength.lowerBound, maxLength: HookScheme.secretLength.upperBound
    ).described("The secret, if the sender has made it: visible ASCII characters. Default: a new one")

    static let schema = JSONSchema.object(optional: [
        "name": Hook.name.nullable.described("For readers; it has no effect"),
        "signature": JSONSchema.object(required: ["scheme": Hook.scheme], optional: ["secret": secret])
            .named("HookSignatureDraft").nullable.described(
                "Refuses calls that are not signed like this. Default: null, which accepts all"),
        "headers": Hook.headers,
        "answer": Hook.answer.described("What a call is answered with. Default: `status`"),
    ]).named("HookDraft")

    /// Throws 422 with every error. The body satisfies its schema.
    init(_ body: JSON) throws {
        var problems: [Violation] = []
        name = body["name"]?.stringValue
        let signature = body["signature"]
        scheme = signature?["scheme"]?.stringValue.flatMap(HookScheme.init)
        let given = signature?["secret"]?.stringValue
        if let given, let mistake = Self.mistake(inSecret: given) {
            problems.append(Violation(pointer: "/signature/secret", message: mistake))
        }
        secret = scheme.map { _ in given ?? HookScheme.makeSecret() }
        let names = body["headers"]?.arrayValue?.compactMap(\.stringValue) ?? []
        headers = names.map { $0.lowercased() }
        for (index, name) in headers.enumerated() {
            let mistake: String? =
                if !names[index].utf8.allSatisfy(Self.isTokenCharacter) {
                    "is not the name of a header field"
                } else if Hook.secretHeaders.contains(name) {
                    "is a header field with a secret"
                } else if headers[..<index].contains(name) {
                    "is there twice"
                } else {
                    nil
                }
            if let mistake { problems.append(Violation(pointer: "/headers/\(index)", message: mistake)) }
        }
        answer = body["answer"]?.stringValue.flatMap(Hook.AnswerKind.init) ?? .status
        guard problems.isEmpty else { throw Problem.invalid(problems) }
    }

    /// Why the text cannot be a secret; nil if it can.
    static func mistake(inSecret secret: String) -> String? {
        secret.utf8.allSatisfy { (0x21...0x7e).contains($0) } ? nil : "must be visible ASCII characters"
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
