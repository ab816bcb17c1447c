import App
import HTTP
import JSON
import TestSupport
import Testing

/// What all routes have in common.
@Suite struct EdgeRouteTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func optionsListsTheMethodsOfARoute() throws {
        for (path, methods) in routes {
            let answer = try stack.client.send("OPTIONS", path)
            #expect(answer.status == 204, "\(path)")
            #expect(answer.body.isEmpty)
            let allowed = answer.headers["allow"]?.split(separator: ", ").map(String.init) ?? []
            let heads: Set = methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"]
            #expect(Set(allowed) == methods.union(heads), "\(path)")
            for method in Set(Method.allCases.map(\.rawValue)).subtracting(allowed) {
                let refused = try stack.client.send(method, path, headers: [stack.bearer(user.token)])
                #expect(refused.status == 405, "\(method) \(path)")
                #expect(refused.headers["allow"] == answer.headers["allow"])
            }
        }
    }

    @Test func headRespondsLikeGetWithoutABody() throws {
        for (path, methods) in routes {
            for token in [user.token, nil] {
                let headers = token.map { [stack.bearer($0)] } ?? []
                let head = try stack.client.send("HEAD", path, headers: headers)
                #expect(head.body.isEmpty, "\(path)")
                guard methods.contains("GET") else {
                    #expect(head.status == 405, "\(path)")
                    continue
                }
                let get = try stack.client.send("GET", path, headers: headers)
                #expect(head.status == get.status, "\(path)")
                #expect(head.headers["content-type"] == get.headers["content-type"], "\(path)")
            }
        }
    }

    @Test func authenticationComesBeforeValidation() throws {
        for endpoint in Routes.all where endpoint.access.needsUser {
            // Validation would reject the query and the body.
            let path = example(endpoint.path) + "?unknown=1"
            let answer = try stack.client.send(endpoint.method.rawValue, path, body: Array("{".utf8))
            expectChallenge(answer, "token_missing", "\(endpoint.method) \(endpoint.path)")
        }
    }

    /// The methods of each path.
    private var routes: [String: Set<String>] {
        Dictionary(grouping: Routes.all) { example($0.path) }.mapValues { Set($0.map(\.method.rawValue)) }
    }

    /// The path with an unknown id in place of its parameters.
    private func example(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            segment.hasPrefix("{") ? "00000000-0000-7000-8000-000000000000" : String(segment)
        }.joined(separator: "/")
    }
}
