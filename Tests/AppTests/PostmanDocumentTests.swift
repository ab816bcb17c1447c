import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// The collection at `/postman.json`, as Postman imports it.
@Suite struct PostmanDocumentTests {
    private func document(_ application: TestApplication, at path: String, host: String) throws -> HTTPAnswer {
        try application.send("GET", path, headers: [("host", host)], body: nil)
    }

    private func url(of answer: HTTPAnswer) -> String? {
        answer["variable"].arrayValue?.first { $0["key"] == "URL" }?["value"]?.stringValue
    }

    /// Whoever imports it needs no other setting.
    @Test func itsCallsGoToTheServiceThatServedIt() throws {
        let application = try TestApplication { $0.basePath = try #require(BasePath(parsing: "/flow")) }
        let answer = try document(application, at: "/flow/postman.json", host: "example.org:8443")
        #expect(answer.status == 200 && url(of: answer) == "http://example.org:8443/flow")
        let other = try document(application, at: "/flow/postman.json", host: "example.com")
        #expect(url(of: other) == "http://example.com/flow")
        #expect(answer.headers["etag"] != other.headers["etag"])
        #expect(answer["item"] == other["item"] && answer["item"] == Routes.postmanCollection["item"])
    }

    @Test func aHostThatIsNoneIsNotInserted() throws {
        let application = try TestApplication()
        let answer = try document(application, at: "/postman.json", host: #"a"b"#)
        #expect(answer.status == 200 && url(of: answer) == "http://127.0.0.1:8080")
    }
}
