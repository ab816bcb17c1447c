import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// A program that the web server has under a part of its site: everything that a client follows leads there.
@Suite struct BasePathTests {
    let application: TestApplication

    init() throws {
        application = try TestApplication { $0.basePath = try #require(BasePath(parsing: "/flow")) }
    }

    private func logIn() throws -> HTTPAnswer {
        try application.post("/flow/login", ["email": "user3784mail@gmail.com", "password": "aFtg&89M"])
    }

    @Test func onlyPathsBelowItAreServed() throws {
        #expect(try application.get("/flow/health").status == 200)
        #expect(try application.get("/flow").status == 200)
        for path in ["/health", "/", "/flowers/health", "/flow/flow/health"] {
            #expect(try application.get(path).status == 404, "\(path)")
        }
    }

    @Test func answersLeadToIt() throws {
        let token = try logIn()["token"].stringValue
        let draft: JSON = ["title": "A title", "content": "Text"]
        let key = ("Idempotency-Key", "once")
        for _ in 0..<2 {
            let post = try application.post("/flow/posts", draft, token: token, headers: [key])
            let location = try #require(post.headers["location"])
            #expect(post.status == 201 && location == "/flow/posts/\(post["id"].stringValue ?? "")")
            #expect(try application.get(location, token: token).status == 200)
        }
    }

    @Test func cookiesAreSentBelowItOnly() throws {
        let answer = try logIn()
        let cookies = answer.headers.fields.filter { $0.name.lowercased() == "set-cookie" }.map(\.value)
        #expect(cookies.count == 2)
        #expect(cookies.contains { $0.hasPrefix("access_token=") && $0.contains("; Path=/flow/;") })
        #expect(cookies.contains { $0.hasPrefix("refresh_token=") && $0.contains("; Path=/flow/refresh;") })
    }

    @Test func pagesLinkToIt() throws {
        for path in ["/flow/", "/flow/docs"] {
            let links = try application.get(path).text.matches(of: #/href="(\/[^"]*)"/#).map { $0.1 }
            #expect(links.count >= 2 && links.allSatisfy { $0.hasPrefix("/flow/") }, "\(links)")
        }
        #expect(try application.get("/flow/").text.contains("http://127.0.0.1:8080/flow/login"))
        let document = try application.get("/flow/openapi.json")
        #expect(document["servers"].arrayValue?.first?["url"]?.stringValue == "/flow")
        #expect(document.headers["etag"] == (try application.get("/flow/openapi.json")).headers["etag"])
    }
}
