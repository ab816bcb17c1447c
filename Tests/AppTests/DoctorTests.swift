import Crypto
import HTTP
import JSON
import System
import TestSupport
import Testing
import Tokens

@testable import App

/// The route of `flow-manager doctor`, in process.
@Suite struct DoctorTests {
    private let app: TestApplication

    init() throws { app = try TestApplication() }

    private func token(age: Int64 = 0, key: HMACSHA256 = TestServices.doctorKey) -> (String, String) {
        (Doctor.header, DoctorToken.make(now: app.clock.now - age, key: key))
    }

    @Test func reportsWhatHasArrived() throws {
        let answer = try app.send(
            "PATCH", "/doctor/a%20b?q=%2F", headers: [token(), app.bearer("secret"), ("X-Forwarded-For", "192.0.2.9")],
            body: Array("abc".utf8))
        #expect(answer.status == 200)
        #expect(answer.headers[Doctor.header] == "PATCH")
        #expect(answer["method"] == "PATCH" && answer["target"] == "/doctor/a%20b?q=%2F")
        #expect(answer["body_length"] == 3)
        #expect(
            answer["body_digest"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            answer["authorization"].stringValue == Doctor.code(of: "Bearer secret", key: TestServices.doctorKey))
        #expect(!answer.text.contains("secret"))
        #expect(answer["client"] == "127.0.0.1" && answer["https"] == false && answer["gate"] == false)
        #expect(answer["time"] == .integer(app.clock.now))
        let database = answer["database"]
        #expect(database["up"] == true && database["is_migrated"] == true && database["time"]?.integerValue != nil)
    }

    @Test func answersEveryMethodAndSaysWhenNoAuthorizationArrived() throws {
        for method in Method.allCases.map(\.rawValue) {
            let answer = try app.send(method, "/doctor", headers: [token()], body: nil)
            #expect(answer.status == 200 && answer.headers[Doctor.header] == method, "\(method)")
            #expect(answer["authorization"] == .null)
        }
    }

    @Test func withoutAValidTokenTheRouteIsUnknown() throws {
        let used = token()
        #expect(try app.send("GET", "/doctor", headers: [used], body: nil).status == 200)
        let access = try app.makeUser().token
        let refused: [[(String, String)]] = [
            [], [used], [token(age: 300)], [token(age: -61)], [token(key: HMACSHA256(key: [5]))],
            [token(), token()], [(Doctor.header, "")], [(Doctor.header, access)], [app.bearer(token().1)],
        ]
        let unknown = try app.send("GET", "/nowhere", headers: [], body: nil)
        for headers in refused {
            let answer = try app.send("GET", "/doctor", headers: headers, body: nil)
            expectProblem(answer, 404, "not_found", "\(headers.map(\.0))")
            #expect(answer["message"] == unknown["message"])
            #expect(answer.headers.fields.map(\.name) == unknown.headers.fields.map(\.name))
        }
        // A token of the doctor is no access token, and opens no other route.
        expectProblem(try app.send("GET", "/nowhere", headers: [token()], body: nil), 404, "not_found")
        expectProblem(try app.get("/me", token: token().1), 401, "token_invalid")
    }

    @Test func aBodyThatIsTooLongIsRefused() throws {
        let body = [UInt8](repeating: 0, count: BodyPolicy.memoryLimit + 1)
        expectProblem(
            try app.send("POST", "/doctor", headers: [token()], body: body), 413, "content_too_large")
    }

    /// The doctor measures when the first event of a stream arrives.
    @Test func streamsTwoEvents() throws {
        let reply = app.reply(to: Request("GET", "/doctor", [token(), ("Accept", "text/event-stream")]))
        guard case .stream(_, let start) = reply.continuation else { throw TestFailure("it does not stream") }
        #expect(reply.initial.headers["Content-Type"] == "text/event-stream; charset=utf-8")
        let (parts, end) = (Recording<[UInt8]>(), try WakeUp())
        start(
            EventStream(
                over: EventStream.Transport(
                    write: { bytes in
                        parts.add(bytes)
                        return true
                    },
                    end: { _ in end.signal() })))
        #expect(parts.all.isEmpty)
        end.wait(until: .now + .seconds(20))
        #expect(parts.all.count == 2)
    }

    @Test func aProcessWithoutStreamsSaysSo() throws {
        let app = try TestApplication { $0.hasStreams = false }
        let token = DoctorToken.make(now: app.clock.now, key: TestServices.doctorKey)
        let answer = try app.send(
            "GET", "/doctor", headers: [(Doctor.header, token), ("Accept", "text/event-stream")], body: nil)
        #expect(answer.status == 200 && answer["streams"] == false)
    }

    @Test func waitsForItsAnswer() throws {
        let reply = app.reply(to: Request("GET", "/doctor", [token(), ("Prefer", "wait=1")]))
        guard case .wait(let start) = reply.continuation else { throw TestFailure("it does not wait") }
        let (answered, arrived) = (Recording<Response?>(), try WakeUp())
        let begin = Monotonic.now
        start(
            PendingResponse { response in
                answered.add(response)
                arrived.signal()
            })
        #expect(answered.all.isEmpty)
        arrived.wait(until: .now + .seconds(20))
        #expect(Monotonic.now - begin >= .seconds(1))
        #expect(answered.all.first??.status == .ok)
    }
}
