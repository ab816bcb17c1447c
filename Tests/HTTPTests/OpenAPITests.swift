import HTTP
import JSON
import Testing

@Suite struct OpenAPITests {
    private static let post = JSONSchema.object(required: ["title": .string()]).named("Post")
    private static let posts = Tag("Posts", "What users write.")
    private static let accounts = Tag("Accounts", "Who they are.")

    private static let endpoints: [Endpoint<Void>] = [
        Endpoint(
            .get, "/posts/{id}", operation: "getPost", tag: posts, access: .everyone, summary: "Read a post",
            query: [Parameter("fields", .string, "Names of fields")], headers: [.ifNoneMatch], rateClass: .unlimited,
            answers: [Answer(.ok, "The post", post, headers: [.etag])]
        ) { _ in .noContent },
        Endpoint(
            .get, "/posts", operation: "listPosts", tag: posts, access: .user, summary: "List posts",
            answers: [Answer(.ok, "All", .any), Answer(.ok, "All", .string, contentType: "text/csv")]
        ) { _ in .noContent },
        Endpoint(
            .put, "/posts/{id}", operation: "replacePost", tag: posts, access: .admin, summary: "Replace a post",
            description: "All of it.", body: .json(post), idempotency: .wholeCall,
            answers: [Answer(.ok, "The post", post)], problems: [.conflict],
            examples: [
                Example("First", body: ["title": "by {{email}}"]), Example("Other", body: ["title": "{{unknown}}"]),
            ]
        ) { _ in .noContent },
        Endpoint(
            .post, "/login", operation: "login", tag: accounts, access: .everyone, summary: "Log in",
            body: .jsonOrForm(JSONSchema.object(optional: ["name": .string]).named("Login")), idempotency: .refused,
            rateClass: .login,
            answers: [Answer(.ok, "Tokens", .any)], problems: [.invalidCredentials],
            examples: [Example("Log in", body: [:]), Example("By form", body: ["name": "x"], isForm: true)]
        ) { _ in .noContent },
        Endpoint(
            .post, "/logout/{reason}", operation: "logout", tag: accounts, access: .account, summary: "Log out",
            parameters: [Parameter("reason", .string(maxLength: 9), "Why")], body: .optionalJSON(.object()),
            waits: true,
            answers: [
                Answer(.noContent, "Done"), Answer(.ok, "Text", .string, contentType: "text/plain"),
                Answer(.unprocessable, "Failed", post),
            ],
            examples: [Example("Log out", path: ["reason": "late"])]
        ) { _ in .response(.noContent) },
    ]

    private let document = Interface(
        title: "Posts", version: "1.2.3", summary: "Stores posts.", description: "Long story.", endpoints: endpoints,
        variables: [ExampleVariable("email", initial: "you@example.org", "Yours")]
    ).openAPI()

    /// The value at a path of member names and indices.
    private func value(_ path: String...) -> JSON? {
        path.reduce(document) { value, step in
            Int(step).flatMap { value?.arrayValue?[$0] } ?? value?[step]
        }
    }

    private func names(_ path: String...) -> [String]? {
        path.reduce(document) { value, step in value?[step] }?.objectValue?.members.map(\.name)
    }

    @Test func describesTheInterface() {
        #expect(value("openapi") == "3.1.0")
        #expect(value("info", "title") == "Posts")
        #expect(value("info", "version") == "1.2.3")
        #expect(value("info", "description")?.stringValue?.hasPrefix("Long story.\n\n## Errors\n") == true)
        #expect(names("paths") == ["/posts/{id}", "/posts", "/login", "/logout/{reason}"])
        #expect(names("paths", "/posts/{id}") == ["get", "put"])
        #expect(
            value("tags") == [
                ["name": "Posts", "description": "What users write."],
                ["name": "Accounts", "description": "Who they are."],
            ])
    }

    @Test func theTableOfErrorsHasEveryCode() {
        let text = value("info", "description")?.stringValue ?? ""
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.count == ProblemCode.allCases.count)
        #expect(names("components", "examples") == ProblemCode.allCases.map(\.rawValue))
    }

    @Test func operationsHaveNamesTagsAndTexts() {
        #expect(value("paths", "/posts/{id}", "put", "operationId") == "replacePost")
        #expect(value("paths", "/posts/{id}", "put", "tags") == ["Posts"])
        #expect(value("paths", "/posts/{id}", "put", "summary") == "Replace a post")
        #expect(
            value("paths", "/posts/{id}", "put", "description")
                == "All of it.\n\nOnly for admins. Their API keys need the scope `admin`. Its rate limit is `write`.")
        #expect(value("paths", "/login", "post", "description") == "No token is needed.")
    }

    @Test func listsParameters() {
        #expect(
            value("paths", "/posts/{id}", "get", "parameters", "0") == [
                "name": "id", "in": "path", "required": true, "description": "The id of the post",
                "schema": ["type": "string", "format": "uuid"],
            ])
        #expect(
            value("paths", "/posts/{id}", "get", "parameters", "1") == [
                "name": "fields", "in": "query", "description": "Names of fields", "explode": false,
                "schema": ["type": "string"],
            ])
        #expect(value("paths", "/posts/{id}", "get", "parameters", "2", "name") == "If-None-Match")
        #expect(value("paths", "/posts/{id}", "put", "parameters", "1", "name") == "Idempotency-Key")
        #expect(value("paths", "/login", "post", "parameters") == nil)
        #expect(value("paths", "/logout/{reason}", "post", "parameters", "0", "description") == "Why")
        #expect(value("paths", "/logout/{reason}", "post", "parameters", "0", "example") == "late")
        #expect(value("paths", "/logout/{reason}", "post", "parameters", "0", "schema", "maxLength") == 9)
        #expect(value("paths", "/logout/{reason}", "post", "parameters", "1", "name") == "Prefer")
    }

    @Test func describesBodies() {
        let json = value("paths", "/posts/{id}", "put", "requestBody", "content", "application/json")
        #expect(value("paths", "/posts/{id}", "put", "requestBody", "required") == true)
        #expect(json?["schema"] == ["$ref": "#/components/schemas/Post"])
        #expect(value("paths", "/logout/{reason}", "post", "requestBody", "required") == false)
        #expect(value("paths", "/posts/{id}", "get", "requestBody") == nil)
    }

    /// Each example separately, with variables replaced by their initial values.
    @Test func showsExamples() {
        let json = value("paths", "/posts/{id}", "put", "requestBody", "content", "application/json")
        #expect(
            json?["examples"] == [
                "example1": ["summary": "First", "value": ["title": "by you@example.org"]],
                "example2": ["summary": "Other", "value": ["title": "{{unknown}}"]],
            ])
    }

    /// Generated clients have a class for each schema, named after it.
    @Test func aFormHasItsOwnSchema() {
        let content = value("paths", "/login", "post", "requestBody", "content")
        #expect(content?["application/json"]?["schema"] == ["$ref": "#/components/schemas/Login"])
        let form = content?["application/x-www-form-urlencoded"]
        #expect(form?["schema"] == ["$ref": "#/components/schemas/LoginForm"])
        #expect(form?["examples"]?["example1"]?["summary"] == "By form")
        #expect(value("components", "schemas", "LoginForm") == value("components", "schemas", "Login"))
    }

    @Test(arguments: [
        ("/posts/{id}", "get", ["200", "400", "404", "414", "503"]),
        ("/posts/{id}", "put", ["200", "400", "401", "403", "404", "409", "413", "415", "422", "429", "503"]),
        ("/login", "post", ["200", "400", "401", "413", "415", "422", "503"]),
        ("/logout/{reason}", "post", ["200", "204", "400", "401", "403", "404", "413", "415", "422", "429", "503"]),
    ])
    func addsTheCommonErrors(path: String, method: String, statuses: [String]) {
        #expect(names("paths", path, method, "responses")?.sorted() == statuses)
    }

    @Test func errorsAreListedByCode() {
        let conflict = value("paths", "/posts/{id}", "put", "responses", "409")
        let text = conflict?["description"]?.stringValue ?? ""
        #expect(text.contains("- `conflict`: \(ProblemCode.conflict.message)\n"))
        #expect(text.contains("- `idempotency_in_progress`: "))
        let json = conflict?["content"]?["application/json"]
        #expect(json?["schema"] == ["$ref": "#/components/schemas/Problem"])
        #expect(json?["examples"]?["conflict"] == ["$ref": "#/components/examples/conflict"])
        let login = value("paths", "/login", "post", "responses", "401", "description")
        let code = ProblemCode.invalidCredentials
        #expect(login == .string("`invalid_credentials`: \(code.message). \(code.remedy)"))
    }

    @Test func aStatusWithAResponseAndErrorsHasBothSchemas() {
        let answer = value("paths", "/logout/{reason}", "post", "responses", "422")
        #expect(answer?["description"]?.stringValue?.hasPrefix("Failed\n\n- `validation_failed`: ") == true)
        #expect(
            answer?["content"]?["application/json"]?["schema"] == [
                "anyOf": [["$ref": "#/components/schemas/Post"], ["$ref": "#/components/schemas/Problem"]]
            ])
    }

    @Test(arguments: [
        ("/posts/{id}", "get", "200", ["X-Request-Id", "ETag"]),
        ("/posts/{id}", "put", "200", ["X-Request-Id", "Idempotency-Replayed", "RateLimit-Policy", "RateLimit"]),
        ("/posts/{id}", "put", "401", ["X-Request-Id", "WWW-Authenticate"]),
        ("/posts/{id}", "put", "409", ["X-Request-Id", "Retry-After"]),
        ("/posts/{id}", "put", "429", ["X-Request-Id", "Retry-After", "RateLimit-Policy", "RateLimit"]),
        ("/posts/{id}", "put", "503", ["X-Request-Id", "Retry-After"]),
        (
            "/logout/{reason}", "post", "204",
            ["X-Request-Id", "Preference-Applied", "RateLimit-Policy", "RateLimit"]
        ),
    ])
    func responsesHaveTheirHeaders(path: String, method: String, status: String, headers: [String]) {
        #expect(names("paths", path, method, "responses", status, "headers") == headers)
        for header in headers {
            #expect(value("components", "headers", header, "description") != nil)
        }
    }

    @Test func responsesHaveTheirContentType() {
        #expect(names("paths", "/logout/{reason}", "post", "responses", "200", "content") == ["text/plain"])
        #expect(value("paths", "/logout/{reason}", "post", "responses", "204", "content") == nil)
        #expect(names("paths", "/posts", "get", "responses", "200", "content") == ["application/json", "text/csv"])
    }

    @Test func describesTheSecurityOfEachOperation() {
        #expect(value("paths", "/login", "post", "security") == [])
        #expect(
            value("paths", "/logout/{reason}", "post", "security") == [["bearer": []], ["cookie": [], "csrf": []]])
        #expect(
            value("paths", "/posts/{id}", "put", "security")
                == [["bearer": []], ["apiKey": ["admin"]], ["cookie": [], "csrf": []]])
        #expect(
            value("paths", "/posts", "get", "security") == [["bearer": []], ["apiKey": ["read"]], ["cookie": []]])
        #expect(names("components", "securitySchemes") == ["bearer", "apiKey", "cookie", "csrf"])
    }

    /// Every reference resolves to a component, and every component is referenced.
    @Test func referencesResolve() throws {
        let components = try #require(names("components", "schemas"))
        #expect(components == ["Login", "LoginForm", "Post", "Problem", "Violation"])
        let text = document.text
        let references = text.split(separator: "#/components/schemas/").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(Set(references.map(String.init)) == Set(components))
    }
}
