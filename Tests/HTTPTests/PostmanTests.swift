import HTTP
import JSON
import Testing

@Suite struct PostmanTests {
    private static let endpoints: [Endpoint<Void>] = [
        Endpoint(
            .post, "/posts", operation: "createPost", tag: Tag("Posts", "Texts."), access: .user, summary: "Create",
            description: "It is published at once.", body: .json(.any), answers: [Answer(.created, "The post")],
            examples: [
                Example("Write", body: ["title": "{{email}}"], stores: ["post_id": "/items/0/id"]),
                Example("By form", body: ["code": "{{otp}}"], isForm: true, status: .ok),
            ]
        ) { _ in .noContent },
        Endpoint(
            .get, "/posts/{id}", operation: "getPost", tag: Tag("Posts", "Texts."), access: .admin, summary: "Read",
            answers: [Answer(.ok, "The post")],
            examples: [Example("Read", query: ["fields": "id"], headers: ["Prefer": "x"])]
        ) { _ in .noContent },
        Endpoint(
            .get, "/health", operation: "getHealth", tag: Tag("Service", "It."), access: .everyone, summary: "Look",
            rateClass: .unlimited, answers: [Answer(.ok, "Fine")]
        ) { _ in .noContent },
    ]

    private let collection: JSON = {
        let interface = Interface(
            title: "Posts", version: "1", summary: "Stores posts.", description: "", endpoints: endpoints,
            variables: [ExampleVariable("email", initial: "you@example.org", "Yours")])
        let extra = PostmanFolder(
            "Cookies", "By cookie.", calls: [ExampleCall(Example("Write", as: .cookie), of: endpoints[0])])
        return interface.postmanCollection(of: interface.folders(adding: [extra]))
    }()

    private func item(_ folder: Int, _ position: Int) -> JSON? {
        collection["item"]?.arrayValue?[folder]["item"]?.arrayValue?[position]
    }

    private func script(_ item: JSON?, _ position: Int = 0) -> String {
        let lines = item?["event"]?.arrayValue?[position]["script"]?["exec"]?.arrayValue ?? []
        return lines.compactMap(\.stringValue).joined(separator: "\n")
    }

    @Test func foldersAreTagsAndAddedFolders() {
        #expect(collection["item"]?.arrayValue?.map { $0["name"] } == ["Posts", "Service", "Cookies"])
        #expect(item(1, 0)?["name"] == "Look")
        #expect(
            collection["variable"] == [
                ["key": "email", "value": "you@example.org", "type": "string", "description": "Yours"]
            ])
    }

    @Test func requestsAreComplete() {
        let request = item(0, 0)?["request"]
        #expect(request?["method"] == "POST")
        #expect(request?["header"] == [["key": "Content-Type", "value": "application/json"]])
        #expect(request?["body"]?["raw"] == "{\n  \"title\": \"{{email}}\"\n}")
        #expect(request?["url"] == ["raw": "{{URL}}/posts", "host": ["{{URL}}"], "path": ["posts"]])
        #expect(request?["auth"] == nil, "the token of the collection")
        let read = item(0, 2)?["request"]
        #expect(read?["url"]?["raw"] == "{{URL}}/posts/{{post_id}}?fields=id")
        #expect(read?["url"]?["query"] == [["key": "fields", "value": "id"]])
        #expect(read?["header"] == [["key": "Prefer", "value": "x"]])
        #expect(read?["auth"]?["bearer"]?.arrayValue?[0]["value"] == "{{admin_token}}")
        #expect(item(1, 0)?["request"]?["auth"] == ["type": "noauth"])
    }

    @Test func requestsAreDescribed() {
        #expect(
            item(0, 0)?["request"]?["description"]
                == "Create.\n\nIt is published at once.\n\nAPI keys need the scope `write`. Its rate limit is `write`.")
        #expect(item(1, 0)?["request"]?["description"] == "Look.\n\nNo token is needed.")
    }

    @Test func formsAreURLEncoded() {
        let request = item(0, 1)?["request"]
        #expect(request?["body"]?["urlencoded"] == [["key": "code", "value": "{{otp}}", "type": "text"]])
        #expect(request?["header"] == [])
    }

    @Test func callsByCookieSendTheCSRFToken() {
        let request = item(2, 0)?["request"]
        #expect(request?["auth"] == ["type": "noauth"])
        #expect(request?["header"] == [["key": "X-CSRF-TOKEN", "value": "{{X-CSRF-TOKEN}}"]])
    }

    @Test func testsCheckTheStatusAndStoreValues() {
        let text = script(item(0, 0))
        #expect(text.contains("pm.response.to.have.status(201)"))
        #expect(text.contains(#"pm.collectionVariables.set("post_id", pm.response.json()["items"][0]["id"]);"#))
        #expect(!script(item(0, 2)).contains("collectionVariables"))
    }

    @Test func oneTimePasswordsAreComputedBeforeTheRequest() {
        #expect(item(0, 1)?["event"]?.arrayValue?.map { $0["listen"] } == ["prerequest", "test"])
        #expect(script(item(0, 1)).contains("HmacSHA1"))
    }
}
