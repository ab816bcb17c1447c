import App
import Glibc
import HTTP
import JSON
import TestSupport
import Testing
import Tokens

/// The examples of the OpenAPI description work: each is sent, in the order of the Postman collection, and its response
/// must match the description.
@Suite struct ExampleTests {
    /// With a new database, and the files behind `/docs`.
    let stack: Stack

    init() throws { stack = try Stack(settings: ["STATIC": makeStaticFiles()]) }

    @Test func everyExampleMatchesItsDescription() throws {
        var run = CollectionRun(stack)
        for folder in Routes.folders {
            for call in folder.calls { try run.send(call, in: folder.name) }
        }
        let operations = Set(Routes.folders.flatMap(\.calls).map(\.operation))
        #expect(operations == Set(Routes.all.map(\.operation)), "every endpoint has an example")
    }
}

/// Checks of the examples that send no requests.
@Suite struct ExampleListTests {
    @Test func operationsHaveDistinctNames() {
        let names = Routes.all.map(\.operation)
        #expect(names.count == Set(names).count)
        for name in names { #expect(name.allSatisfy { $0.isASCII && $0.isLetter } && name.first?.isLowercase == true) }
    }

    @Test func browsersHaveAFolder() {
        #expect(
            Routes.folders.last?.calls.map(\.operation) == [
                "login", "getMe", "runFlow", "runFlow", "refresh", "logout",
            ])
    }

    @Test func bodiesFitTheirSchemas() {
        let samples = Dictionary(Routes.interface.variables.map { ($0.name, $0.sample) }) { first, _ in first }
        for endpoint in Routes.all {
            let bodies = endpoint.examples.compactMap(\.body)
            #expect(endpoint.body.schema == nil || endpoint.body.isOptional || !bodies.isEmpty, "\(endpoint.operation)")
            for body in bodies {
                guard let schema = endpoint.body.schema else { continue }
                #expect(
                    schema.violations(in: body.replacingVariables { samples[$0] }) == [], "\(endpoint.operation)")
            }
        }
    }

    /// Queries are assembled without escaping.
    @Test func queriesNeedNoEscapes() {
        let fields = Routes.folders.flatMap(\.calls).flatMap(\.query)
        #expect(!fields.isEmpty)
        for field in fields {
            #expect((field.name + field.value).wholeMatch(of: #/[A-Za-z0-9_.,-]+/#) != nil, "\(field.name)")
        }
    }

    /// A variable is declared, and set before its first use: by the collection or by an earlier response.
    @Test func variablesAreSetBeforeTheyAreUsed() {
        let declared = Routes.interface.variables
        var set = Set(declared.filter { !$0.initial.isEmpty }.map(\.name)).union(["otp"])
        for call in Routes.folders.flatMap(\.calls) {
            let fields = (call.query + call.headers).map(\.value)
            var used = (fields + [call.path]).flatMap(\.variables) + (call.body?.variables ?? [])
            if case .token(let name) = call.credentials { used.append(name) }
            if call.credentials == .cookie { used.append("X-CSRF-TOKEN") }
            #expect(set.isSuperset(of: used), "\(call.title): \(Set(used).subtracting(set))")
            set.formUnion(call.stores.map(\.variable))
        }
        #expect(set == Set(declared.map(\.name)), "every variable is set by something")
        #expect(declared.allSatisfy { !$0.summary.isEmpty && !$0.sample.isEmpty })
    }
}

/// A client that sends the requests of the collection.
private struct CollectionRun {
    private let stack: Stack
    private var values: [String: String] = [:]
    private var cookies: [String: String] = [:]

    init(_ stack: Stack) {
        self.stack = stack
        for variable in Routes.interface.variables where !variable.initial.isEmpty {
            values[variable.name] = variable.initial
        }
    }

    mutating func send(_ call: ExampleCall, in folder: String) throws {
        if call.body?.variables.contains("otp") == true {
            let secret = Base32.decode((values["totp_secret"] ?? "").utf8) ?? []
            values["otp"] = TOTP(secret: secret).code(at: Int64(time(nil)))
        }
        let body = call.body?.replacingVariables { values[$0] }
        var answer = try stack.patiently {
            try stack.client.send(
                call.method.rawValue, target(of: call), headers: headers(of: call, in: folder),
                body: call.isForm ? form(body) : body?.serialized())
        }
        // Of the page of the documentation. Postman follows it, too.
        if answer.status == 307, let place = answer.headers["location"] { answer = try stack.get("/" + place) }
        let endpoint = try #require(Routes.all.first { $0.operation == call.operation })
        #expect(answer.status == call.status.rawValue, "\(folder), \(call.title): \(answer.text.prefix(500))")
        try expectDeclared(answer, call.method.rawValue, endpoint.path)
        for store in call.stores {
            let value = member(at: store.pointer, of: answer.json)?.stringValue
            let text: String = try #require(value, "\(call.title): \(store.pointer)")
            values[store.variable] = text
        }
        for (name, cookie) in answer.cookies { cookies[name] = cookie.value }
    }

    private func member(at pointer: String, of value: JSON) -> JSON? {
        pointer.split(separator: "/").reduce(value) { (value: JSON?, step) in
            if let position = Int(step) { value?.arrayValue?[position] } else { value?[String(step)] }
        }
    }

    private func target(of call: ExampleCall) -> String {
        let query = call.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return call.path.replacingVariables { values[$0] } + (query.isEmpty ? "" : "?\(query)")
    }

    private func headers(of call: ExampleCall, in folder: String) -> [(String, String)] {
        var headers = call.headers.map { ($0.name, $0.value) }
        if call.body != nil {
            let type = call.isForm ? "application/x-www-form-urlencoded" : "application/json"
            headers.append(("Content-Type", type))
        }
        if case .token(let variable) = call.credentials { headers.append(stack.bearer(values[variable] ?? "")) }
        if folder == "Cookie mode" {
            headers.append(("Cookie", cookies.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: "; ")))
        }
        if call.credentials == .cookie { headers.append(("X-CSRF-TOKEN", values["X-CSRF-TOKEN"] ?? "")) }
        return headers
    }

    private func form(_ body: JSON?) -> [UInt8] {
        let fields = body?.objectValue?.members ?? []
        func escaped(_ text: String) -> String {
            text.utf8.map { byte in
                let isPlain = byte < 0x80 && (Character(UnicodeScalar(byte)).isLetter || byte == UInt8(ascii: "."))
                return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        return Array(fields.map { "\($0.name)=\(escaped($0.value.stringValue ?? ""))" }.joined(separator: "&").utf8)
    }
}
