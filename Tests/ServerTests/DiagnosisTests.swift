import HTTP
import HTTPClient
import JSON
import System
import Testing

@testable import flow_manager

/// What the doctor concludes from answers that it was given.
@Suite struct DiagnosisTests {
    private let diagnosis: Diagnosis

    init() throws {
        diagnosis = Diagnosis(site: try #require(SiteURL("https://example.org/flow")), host: .nginx)
    }

    /// The program's report on a call over a healthy site, with these members replaced.
    static func arrival(_ members: [String: JSON] = [:]) throws -> Arrival {
        let healthy: [String: JSON] = [
            "method": "GET", "target": "/flow/doctor", "https": true, "client": "198.51.100.7", "gate": true,
            "web_server": "nginx", "interface": "fastcgi", "supervised": true, "memory_shared": true, "time": 1_000,
            "database": ["up": true, "is_migrated": true, "time": 1_001],
        ]
        let all = healthy.merging(members) { $1 }
        return try #require(Arrival(.object(JSONObject(all.map { .init(name: $0.key, value: $0.value) }))))
    }

    private func answer(_ members: [String: JSON] = [:]) throws -> SiteAnswer {
        SiteAnswer(200, try Self.arrival(members).json)
    }

    private func failure(_ error: HTTPClientError, _ reason: String = "") -> SiteAnswer {
        SiteAnswer(.failure(error, reason: reason))
    }

    @Test func theProgramAnswersOrTheReasonIsGiven() {
        func reach(_ answer: SiteAnswer) -> Finding { Diagnosis.reach(answer, at: diagnosis.site) }
        #expect(reach(SiteAnswer(200, ["status": "ok"])).verdict == .ok)
        #expect(reach(SiteAnswer(200, ["status": "fine"])).verdict == .failure)
        #expect(reach(SiteAnswer(502)).text.contains("FLOW_GATE"))
        #expect(reach(SiteAnswer(308, headers: ["Location": "https://b/health"])).text.contains("https://b/health"))
        let tls = reach(failure(.tls, "self-signed certificate"))
        #expect(tls.check == "tls" && tls.verdict == .failure && tls.text.contains("self-signed certificate"))
        #expect(reach(failure(.unreachable, "Connection refused")).text.contains("Connection refused"))
    }

    @Test func plainHTTPMustLeadToTLS() {
        func verdict(_ answer: SiteAnswer) -> Finding.Verdict { diagnosis.plainHTTP(answer).verdict }
        #expect(verdict(SiteAnswer(308, headers: ["Location": "https://example.org/flow/health"])) == .ok)
        #expect(verdict(SiteAnswer(301, headers: ["Location": "http://example.org/"])) == .failure)
        #expect(verdict(SiteAnswer(200, ["status": "ok"])) == .warning)
        #expect(verdict(SiteAnswer(400)) == .ok)
        #expect(verdict(failure(.unreachable)) == .ok)
    }

    @Test(arguments: [
        (404, Finding.Verdict.ok), (401, .ok), (403, .ok), (308, .ok), (200, .failure), (206, .failure),
    ])
    func aServedFileIsAFailure(status: Int, verdict: Finding.Verdict) {
        let finding = diagnosis.files([("https://a/x", SiteAnswer(404)), ("https://a/.env", SiteAnswer(status))])
        #expect(finding.verdict == verdict)
        #expect(finding.text.contains("https://a/.env") == (verdict == .failure))
        #expect(finding.lines.isEmpty == (verdict == .ok))
    }

    @Test func aFileThatIsTooLongToReadIsServed() {
        #expect(diagnosis.files([("https://a/log", failure(.tooLarge))]).verdict == .failure)
        #expect(diagnosis.files([("https://a/log", failure(.timedOut))]).verdict == .warning)
    }

    @Test(
        arguments: [
            (0, Finding.Verdict.ok), (5, .ok), (-5, .ok), (6, .warning), (-30, .warning), (31, .failure),
            (-86_400, .failure),
        ] as [(Int64, Finding.Verdict)])
    func clocksMustAgree(ahead: Int64, verdict: Finding.Verdict) {
        #expect(Diagnosis.clock("Two clocks", ahead: ahead).verdict == verdict)
    }

    @Test func theDatabaseMustAnswerAndBeMigrated() throws {
        func findings(_ database: JSON) throws -> [String: Finding.Verdict] {
            let all = diagnosis.database(try Self.arrival(["database": database]))
            return Dictionary(uniqueKeysWithValues: all.map { ($0.check, $0.verdict) })
        }
        #expect(try findings(["up": false]) == ["database": .failure])
        #expect(
            try findings(["up": true, "is_migrated": false, "time": 1_020])
                == ["database": .ok, "migrations": .failure, "clock": .warning])
        #expect(diagnosis.readiness(SiteAnswer(200)).map(\.verdict) == [.ok])
        for (code, check) in [("migrations_pending", "migrations"), ("database_unavailable", "database")] {
            let finding = diagnosis.readiness(SiteAnswer(503, ["code": .string(code)])).first
            #expect(finding?.check == check && finding?.verdict == .failure)
        }
    }

    @Test func authorizationMustArriveUnchanged() throws {
        func verdict(_ members: [String: JSON]) throws -> Finding.Verdict {
            diagnosis.authorization(try answer(members), code: "a1").verdict
        }
        #expect(try verdict(["authorization": "a1"]) == .ok)
        #expect(try verdict(["authorization": "b2"]) == .failure)
        #expect(try verdict([:]) == .failure)
        #expect(diagnosis.authorization(SiteAnswer(403), code: "a1").verdict == .failure)
        #expect(diagnosis.authorization(SiteAnswer(401, ["code": "token_invalid"]), code: nil).verdict == .ok)
        let stripped = diagnosis.authorization(SiteAnswer(401, ["code": "token_missing"]), code: nil)
        #expect(stripped.verdict == .failure && !stripped.lines.isEmpty)
        #expect(diagnosis.authorization(SiteAnswer(404), code: nil).verdict == .failure)
    }

    @Test func everyMethodMustArriveAsItWasSent() throws {
        func answers(_ name: (Method) -> String) throws -> [(method: Method, answer: SiteAnswer)] {
            let json = try Self.arrival().json
            return Method.allCases.map { ($0, SiteAnswer(200, json, headers: ["Flow-Doctor": name($0)])) }
        }
        #expect(diagnosis.methods(try answers { $0.rawValue }, withReports: true).verdict == .ok)
        let changed = diagnosis.methods(try answers { $0 == .head ? "GET" : $0.rawValue }, withReports: true)
        #expect(changed.verdict == .failure && changed.text.contains("HEAD"))
        let allow: Headers = ["Allow": "GET, HEAD, OPTIONS"]
        let outside = Method.allCases.map { method in
            (method, SiteAnswer([.get, .head].contains(method) ? 200 : method == .options ? 204 : 405, headers: allow))
        }
        #expect(diagnosis.methods(outside, withReports: false).verdict == .ok)
        let refused = diagnosis.methods([(.put, SiteAnswer(405, headers: ["Allow": "GET"]))], withReports: false)
        #expect(refused.verdict == .failure)
    }
}
