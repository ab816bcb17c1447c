import HTTP
import JSON
import Testing

@testable import App

@Suite struct RequestInputTests {
    private static let schema = JSONSchema.object(required: ["a": .string], optional: ["b": .any])

    private func request(
        _ body: [UInt8], _ headers: Headers = ["content-type": "application/json"]
    ) -> (request: Request, body: [UInt8]) {
        (Request(method: "POST", target: "/x", headers: headers), body)
    }

    /// The code of the refusal, or the value that was read.
    private func read(
        _ call: (request: Request, body: [UInt8]), _ format: BodyFormat = .json(schema)
    ) throws -> String {
        do {
            return try call.request.input(format, .bytes(call.body)).text
        } catch let problem as Problem {
            return "\(problem.status.rawValue) \(problem.code)"
        }
    }

    @Test(arguments: [
        #"{"a":"x"}"#, #" { "a" : "x" } "#, #"{"a":"é😀","b":[18446744073709551615,9007199254740993,0.1]}"#,
    ])
    func readsJSON(body: String) throws {
        #expect(try read(request(Array(body.utf8))) == JSON(parsing: Array(body.utf8)).text)
    }

    /// The client did nothing wrong, and may repeat the call.
    @Test func lackOfMemoryIsNotTheFaultOfTheBody() {
        let problem = Problem(JSONError.outOfMemory, in: Array("{}".utf8))
        #expect(problem.status == .unavailable)
        #expect(problem.headers["Retry-After"] == "1")
    }

    @Test(arguments: [
        ("", "400 invalid_json"), ("{", "400 invalid_json"), (#"{"a":"x"}{"#, "400 invalid_json"),
        ("NaN", "400 invalid_json"),
        (#"{"a":"\ud800"}"#, "400 invalid_json"), ("\u{FEFF}{}", "400 invalid_json"),
        (#"{"a":"x","a":"y"}"#, "400 duplicate_name"), (#"{"a":"x","b":1e400}"#, "400 number_out_of_range"),
        (#"{"a":"x\u0000"}"#, "422 validation_failed"), (#"{"a":"x","b":["\u0000"]}"#, "422 validation_failed"),
        (#"{"a":1}"#, "422 validation_failed"), ("{}", "422 validation_failed"), ("[]", "422 validation_failed"),
        (#"{"a":"x","is_admin":true}"#, "422 validation_failed"),
    ])
    func refusesInvalidBodies(body: String, expected: String) throws {
        #expect(try read(request(Array(body.utf8))) == expected)
    }

    @Test func refusesInvalidUTF8() throws {
        #expect(try read(request([0x7B, 0x22, 0xFF, 0x22, 0x7D])) == "400 invalid_json")
        #expect(try read(request([0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00])) == "400 invalid_json")
    }

    @Test func limitsDepthAndSize() throws {
        let nested = { (depth: Int) in
            #"{"a":"x","b":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try read(request(Array(nested(63).utf8))) == nested(63))
        #expect(try read(request(Array(nested(64).utf8))) == "400 invalid_json")
        #expect(try read(request(Array(nested(100_000).utf8))) == "400 invalid_json")
        let members = (0...10_000).map { #""m\#($0)":0"# }.joined(separator: ",")
        #expect(try read(request(Array("{\(members)}".utf8))) == "422 too_many_members")
        let elements = Array(repeating: "0", count: 100_001).joined(separator: ",")
        #expect(try read(request(Array(#"{"a":"x","b":[\#(elements)]}"#.utf8))) == "422 too_many_elements")
    }

    @Test(arguments: [
        "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"",
        " application/json ;x=y", "application/json;", #"application/json; profile="a; charset=latin1""#,
    ])
    func acceptsJSONContentTypes(type: String) throws {
        #expect(try read(request(Array(#"{"a":"x"}"#.utf8), ["Content-Type": type])) == #"{"a":"x"}"#)
    }

    @Test(arguments: [
        "", "text/plain", "multipart/form-data; boundary=x", "application/jsonp", "application/json; charset=latin1",
        "application/json; charset=utf-16", "application/x-www-form-urlencoded", "text/plain, application/json",
        "applic ation/json", "application/ json", "application/json charset=utf-8", "application/json; charset = utf-8",
        "application/json; charset=utf-8; charset=latin1", #"application/json; charset="utf-8"#,
    ])
    func refusesOtherContentTypes(type: String) throws {
        #expect(try read(request(Array(#"{"a":"x"}"#.utf8), ["content-type": type])) == "415 unsupported_media_type")
    }

    @Test func refusesAMissingContentType() throws {
        let call = request(Array(#"{"a":"x"}"#.utf8), [:])
        #expect(try read(call) == "415 unsupported_media_type")
        for format in [BodyFormat.json(Self.schema), .jsonOrForm(Self.schema), .file(mediaTypes: ["a/b"], limit: 9)] {
            let problem = #expect(throws: Problem.self) { try call.request.input(format, .bytes(call.body)) }
            #expect(problem?.message == "The header Content-Type is missing")
        }
    }

    @Test(arguments: [
        ("{", "line 1, column 2"), ("{\n  \"a\": \"é\", \n  \"b\": tru }", "line 3, column 11"),
        ("[\"é😀\", x]", "line 1, column 8"),
    ])
    func namesThePositionAtWhichJSONIsInvalid(body: String, place: String) {
        let call = request(Array(body.utf8))
        let problem = #expect(throws: Problem.self) {
            try call.request.input(.json(Self.schema), .bytes(call.body))
        }
        #expect(problem?.message == "The body is not valid JSON at \(place)")
    }

    @Test func rulesAreReportedWithTheSchema() {
        let rules: BodyFormat.Rules = { input in
            [Violation(pointer: "/a", message: "rule"), Violation(pointer: "/b", message: input["b"]?.text ?? "-")]
        }
        for (body, expected) in [
            (#"{"a":"x","b":1}"#, ["/a rule", "/b 1"]), (#"{"a":1}"#, ["/a must be a string", "/b -"]),
            ("[]", [" must be an object", "/a rule", "/b -"]),
        ] {
            let call = request(Array(body.utf8))
            let problem = #expect(throws: Problem.self) {
                try call.request.input(.json(Self.schema, rules: rules), .bytes(call.body))
            }
            #expect(problem?.violations.map { "\($0.pointer) \($0.message)" } == expected)
        }
    }

    @Test(arguments: [
        ("gzip", false), ("identity", true), ("Identity", true), ("iden tity", false), ("identity, gzip", false),
    ])
    func refusesCompression(encoding: String, isAccepted: Bool) throws {
        let request = request(
            Array(#"{"a":"x"}"#.utf8), ["content-type": "application/json", "content-encoding": encoding])
        #expect(try read(request) == (isAccepted ? #"{"a":"x"}"# : "415 unsupported_media_type"))
    }

    @Test(arguments: [
        ("a=x", #"{"a":"x"}"#), ("a=x+y%26&b=1", #"{"a":"x y&","b":"1"}"#), ("b=1", "422 validation_failed"),
        ("", "422 validation_failed"),
        ("a=1&a=2", "400 bad_request"), ("a=%ff", "400 bad_request"), ("a=%00", "400 bad_request"),
        ("a=x&c=1", "422 validation_failed"),
    ])
    func readsForms(body: String, expected: String) throws {
        let request = request(Array(body.utf8), ["content-type": "application/x-www-form-urlencoded"])
        #expect(try read(request, .jsonOrForm(Self.schema)) == expected)
    }

    @Test func optionalBodiesMayBeMissing() throws {
        let schema = JSONSchema.object(optional: ["all": .boolean])
        #expect(try read(request([], [:]), .optionalJSON(schema)) == "{}")
        #expect(try read(request(Array(#"{"all":true}"#.utf8)), .optionalJSON(schema)) == #"{"all":true}"#)
        #expect(try read(request(Array("x".utf8), [:]), .optionalJSON(schema)) == "415 unsupported_media_type")
        let form = request(Array("a=x".utf8), ["content-type": "application/x-www-form-urlencoded"])
        #expect(try read(form, .optionalJSON(Self.schema)) == "415 unsupported_media_type")
        #expect(try read(form, .optionalJSONOrForm(Self.schema)) == #"{"a":"x"}"#)
        #expect(try read(request([], [:]), .optionalJSONOrForm(schema)) == "{}")
    }

    @Test func endpointsWithoutABodyReadNone() throws {
        #expect(try read(request([0xFF]), .none) == "null")
    }

    @Test(
        arguments: [
            ("/x", []), ("/x?limit=5&sort=a", ["limit=5", "sort=a"]), ("/x?limit=", ["limit="]),
            ("/x?fields=a&limit=5&fields=b", ["fields=a,b", "limit=5"]),
        ] as [(String, [String])])
    func readsDeclaredQueryFields(target: String, expected: [String]) throws {
        let fields = try Request(method: "GET", target: target).fields(declaredBy: Self.endpoint)
        #expect(fields.fields.map { "\($0.name)=\($0.value)" } == expected)
    }

    @Test(arguments: [
        "/x?limt=5", "/x?limit=5&limit=5", "/x?fields=a&limit=5&fields=b&limit=5", "/x?limit=%ff", "/x?limit=5&Sort=a",
        "/x?=", "/x?token=abc",
    ])
    func refusesUndeclaredOrRepeatedQueryFields(target: String) {
        let problem = #expect(throws: Problem.self) {
            try Request(method: "GET", target: target).fields(declaredBy: Self.endpoint)
        }
        #expect(problem?.status == .badRequest)
    }

    @Test func queryValuesHaveAMaximumLength() throws {
        func fields(_ length: Int) throws -> FormFields {
            try Request(method: "GET", target: "/x?sort=" + String(repeating: "a", count: length))
                .fields(declaredBy: Self.endpoint)
        }
        #expect(try fields(2_000).fields.count == 1)
        let problem = #expect(throws: Problem.self) { try fields(2_001) }
        #expect(problem?.status == .badRequest)
    }

    private static let endpoint = Endpoint<Context>(
        .get, "/x", operation: "test", tag: Tag("Test", ""), access: .everyone, summary: "",
        query: [
            Parameter("limit", .integer, ""), Parameter("sort", .string, ""),
            Parameter("fields", .array(of: .string), ""),
        ], answers: []
    ) { _ in .noContent }
}
