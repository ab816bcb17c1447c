package import Crypto
import Glibc
package import JSON
import Synchronization

/// An OpenID Connect provider on loopback, which publishes its keys and signs tokens.
package final class TestIssuer: Sendable {
    /// The responses by target.
    private final class Answers: Sendable {
        let byTarget = Mutex<[String: LoopbackServer.Answer]>([:])
    }

    private let answers: Answers
    private let server: LoopbackServer
    package let key: SigningKey

    package static let audience = "https://api.example.org"
    package static let party = "https://app.example.org"
    private static let keysTarget = "/.well-known/jwks.json"
    private static let discoveryTarget = "/.well-known/openid-configuration"

    package init(_ algorithm: SignatureAlgorithm = .edDSA) throws {
        let answers = Answers()
        server = try LoopbackServer { request in
            answers.byTarget.withLock { $0[request.target] } ?? .bytes("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        }
        self.answers = answers
        key = try SigningKey(algorithm, id: "first")
        publish([key.jwk])
        publishDiscovery(["issuer": .string(url), "jwks_uri": .string(keysURL)])
    }

    /// The value of `iss` in its tokens.
    package var url: String { server.url }
    package var keysURL: String { url + TestIssuer.keysTarget }
    /// The address in the format of `HTTP_ALLOW_ADDRESSES`.
    package var address: String { "127.0.0.1:\(server.port)" }
    /// The number of requests for the keys.
    package var fetchCount: Int { server.requests.count { $0.target == TestIssuer.keysTarget } }
    /// The targets of all requests.
    package var targets: [String] { server.requests.map(\.target) }

    package func publish(_ keys: [JSON]) {
        let set: JSON = ["keys": .array(keys)]
        answerKeys(.ok(set.text))
    }

    /// Sets the response to requests for the keys.
    package func answerKeys(_ answer: LoopbackServer.Answer) { set(answer, at: TestIssuer.keysTarget) }

    package func publishDiscovery(_ document: JSON) { set(.ok(document.text), at: TestIssuer.discoveryTarget) }

    package func set(_ answer: LoopbackServer.Answer, at target: String) {
        answers.byTarget.withLock { $0[target] = answer }
    }

    /// The claims of a valid token of this user.
    ///
    /// - Parameter changes: claims that replace the default ones; nil removes one.
    package func claims(of subject: String, _ changes: [String: JSON?] = [:]) -> JSON {
        let now = Int64(time(nil))
        var claims = JSONObject([
            .init(name: "iss", value: .string(url)), .init(name: "sub", value: .string(subject)),
            .init(name: "aud", value: .string(TestIssuer.audience)),
            .init(name: "azp", value: .string(TestIssuer.party)),
            .init(name: "iat", value: .integer(now)), .init(name: "exp", value: .integer(now + 300)),
        ])
        for (name, value) in changes { claims[name] = value }
        return .object(claims)
    }

    package func token(of subject: String, _ changes: [String: JSON?] = [:]) -> String {
        key.token(claims(of: subject, changes))
    }
}
