import HTTP
import JSON
import Testing

@Suite struct OpenAPITests {
    private static let post = JSONSchema.object(required: ["title": .string(maxLength: 200)]).named("Post")

    private let document = OpenAPI.document(
        title: "Posts", version: "1.2.3", summary: "Keeps posts",
        endpoints: [
            Endpoint<Void>(
                .get, "/posts/{id}", access: .everyone, summary: "A post",
                query: [QueryParameter("fields", .string, "Names of fields")], answers: [Answer(.ok, "The post", post)]
            ) { _ in .noContent },
            Endpoint(.get, "/posts", access: .user, summary: "Posts", answers: [Answer(.ok, "All", .any)]) { _ in
                .noContent
            },
            Endpoint(
                .put, "/posts/{id}", access: .admin, summary: "Change a post", body: .json(post),
                idempotency: .wholeCall,
                answers: [Answer(.ok, "The post", post), Answer(.conflict, "Somebody else changed it")]
            ) { _ in .noContent },
            Endpoint(
                .post, "/login", access: .everyone, summary: "Log in", body: .jsonOrForm(.any), idempotency: .refused,
                answers: [Answer(.ok, "Tokens", .any)]
            ) { _ in .noContent },
            Endpoint(
                .post, "/logout", access: .user, summary: "Log out", body: .optionalJSON(.object()),
                answers: [Answer(.noContent, "Done"), Answer(.ok, "Text", .string, contentType: "text/plain")]
            ) { _ in .noContent },
        ])

    /// The value at a path of member names and positions.
    private func value(_ path: String...) -> JSON? {
        path.reduce(document) { value, step in
            Int(step).flatMap { value?.arrayValue?[$0] } ?? value?[step]
        }
    }

    private func names(_ path: String...) -> [String]? {
        path.reduce(document) { value, step in value?[step] }?.objectValue?.members.map(\.name)
    }

    @Test func saysWhatItDescribes() {
        #expect(value("openapi") == "3.1.0")
        #expect(value("info") == ["title": "Posts", "version": "1.2.3", "summary": "Keeps posts"])
        #expect(names("paths") == ["/posts/{id}", "/posts", "/login", "/logout"])
        #expect(names("paths", "/posts/{id}") == ["get", "put"])
        #expect(value("components", "securitySchemes", "bearer", "scheme") == "bearer")
    }

    @Test(arguments: [
        ("/posts/{id}", "get", "getPostsId"), ("/posts/{id}", "put", "putPostsId"), ("/login", "post", "postLogin"),
    ])
    func operationsHaveNamesOfTheirOwn(path: String, method: String, id: String) {
        #expect(value("paths", path, method, "operationId") == .string(id))
    }

    @Test func listsParameters() {
        #expect(
            value("paths", "/posts/{id}", "get", "parameters") == [
                ["name": "id", "in": "path", "required": true, "schema": ["type": "string", "format": "uuid"]],
                [
                    "name": "fields", "in": "query", "description": "Names of fields", "explode": false,
                    "schema": ["type": "string"],
                ],
            ])
        #expect(value("paths", "/posts/{id}", "put", "parameters", "1", "name") == "Idempotency-Key")
        #expect(value("paths", "/login", "post", "parameters") == nil)
    }

    @Test func describesBodies() {
        #expect(
            value("paths", "/posts/{id}", "put", "requestBody") == [
                "required": true, "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Post"]]],
            ])
        #expect(
            names("paths", "/login", "post", "requestBody", "content")
                == ["application/json", "application/x-www-form-urlencoded"])
        #expect(value("paths", "/logout", "post", "requestBody", "required") == false)
        #expect(value("paths", "/posts/{id}", "get", "requestBody") == nil)
    }

    @Test(arguments: [
        ("/posts/{id}", "get", ["200", "400", "404", "414", "503"]),
        ("/posts/{id}", "put", ["200", "400", "401", "403", "404", "409", "413", "415", "422", "503"]),
        ("/login", "post", ["200", "400", "413", "415", "422", "503"]),
        ("/logout", "post", ["200", "204", "400", "401", "403", "413", "415", "422", "503"]),
    ])
    func addsTheCommonAnswers(path: String, method: String, statuses: [String]) {
        #expect(names("paths", path, method, "responses")?.sorted() == statuses)
    }

    @Test func anEndpointsOwnAnswerGoesBeforeTheCommonOne() {
        #expect(
            value("paths", "/posts/{id}", "put", "responses", "409") == ["description": "Somebody else changed it"])
    }

    @Test func answersHaveTheirContentType() {
        #expect(names("paths", "/logout", "post", "responses", "200", "content") == ["text/plain"])
        #expect(
            value("paths", "/logout", "post", "responses", "401", "content", "application/json", "schema")
                == ["$ref": "#/components/schemas/Problem"])
        #expect(value("paths", "/logout", "post", "responses", "204") == ["description": "Done"])
    }

    @Test func saysWhoMayCall() {
        #expect(value("paths", "/login", "post", "security") == [])
        let security: JSON = [["bearer": []], ["cookie": [], "csrf": []]]
        #expect(value("paths", "/logout", "post", "security") == security)
        #expect(value("paths", "/posts/{id}", "put", "security") == security)
        #expect(value("paths", "/posts", "get", "security") == [["bearer": []], ["cookie": []]])
    }

    /// Every reference leads to a component, and each component stands there once, by name.
    @Test func referencesLeadSomewhere() throws {
        let components = try #require(names("components", "schemas"))
        #expect(components == ["Post", "Problem"])
        let text = document.text
        let references = text.split(separator: "#/components/schemas/").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(Set(references.map(String.init)) == Set(components))
    }
}
