import Flows
import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// `validate` warns about runs that can become too large, as far as that is known before they run.
@Suite struct RunSizeTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func chain(_ type: String, _ input: JSON, count: Int) -> JSON {
        .chain((0..<count).map { .task("t\($0)", type, input) })
    }

    private func warnings(_ flow: JSON) throws -> [JSON] {
        let answer = try application.post("/api/flows/validate", flow, token: user.token)
        #expect(answer.status == 200, "\(answer.text)")
        return answer["warnings"].each("pointer")
    }

    @Test func warnsOfManyRandomNumbers() throws {
        #expect(try warnings(chain("random.array", ["n": 10_000], count: 70)) == ["/flow"])
        #expect(try warnings(chain("random.array", ["n": 10_000], count: 60)) == [])
        #expect(try warnings(chain("random.array", [:], count: 70)) == [])
    }

    /// The warning is right.
    @Test func theRunFails() throws {
        let answer = try application.post(
            "/flow-manager", chain("random.array", ["n": 10_000], count: 70), token: user.token)
        let failure = answer["executed_tasks"].each("error").last { $0 != .null }
        #expect(failure?["code"] == "output_too_large")
    }

    @Test func warnsOfALargeDocument() throws {
        let value = JSON.string(String(repeating: "x", count: 900_000))
        #expect(try application.send("PUT", "/api/data/large", ["value": value], token: user.token).status == 200)
        #expect(try warnings(chain("data.fetch", ["name": "large"], count: 200)) == ["/flow"])
        #expect(try warnings(chain("data.fetch", ["name": "large"], count: 9)) == [])
        #expect(try warnings(chain("data.fetch", ["name": "none"], count: 200)) == [])
    }

    @Test func warnsOfALoop() throws {
        var task = try #require(JSON.task("a", "random.array", ["n": 10_000]).objectValue)
        task["max_visits"] = 100
        #expect(try warnings(.flow([.object(task)], [.condition("a", "a", "end")])) == ["/flow"])
    }

    @Test func theSizeIsASetting() throws {
        let application = try TestApplication { $0.runLimits.recordSize = 1 << 20 }
        let user = try application.makeUser()
        let flow = chain("random.array", ["n": 10_000], count: 10)
        let answer = try application.post("/api/flows/validate", flow, token: user.token)
        #expect(answer["warnings"].each("pointer") == ["/flow"])
        #expect(answer["warnings"].each("message").first?.stringValue?.contains("1 MiB") == true)
    }
}
