import JSON
import TestSupport
import Testing

/// Clients that connect to the socket directly gain no access and do no harm.
@Suite struct EdgeSocketTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    /// Bytes of an unread body must never be parsed as records, not even records that contain the secret.
    @Test func runsNoRequestInsideABody() throws {
        let name = unique("forged")
        let account = JSON.object(
            JSONObject([.init(name: "username", value: .string(name)), .init(name: "password", value: "long enough")])
        ).serialized()
        let forged = FastCGIClient.request(
            stack.params("POST", "/register", length: account.count), body: account)
        for (method, path, status) in [
            ("POST", "/nowhere", 404), ("POST", "/posts", 401), ("GET", "/health", 200), ("PUT", "/login", 405),
            ("POST", "/login", 400), ("POST", "/%ff", 400),
        ] {
            // libfcgi reads ahead 8 KiB: near that offset an undrained body would be parsed as a request.
            for padding in stride(from: 0, to: 16_384, by: 1_489) {
                let client = try FastCGIClient(path: stack.socket)
                let body = [UInt8](repeating: 0x20, count: padding) + forged
                let answer = try client.exchange(stack.params(method, path, length: body.count), body: body)
                #expect(answer.status == status, "\(path) \(answer.text)")
                #expect(try client.exchange(stack.params("GET", "/health")).text == #"{"status":"ok"}"#)
            }
        }
        // Two nginx workers hold such connections. This many bodies reach both of them.
        for _ in 0..<20 { expectProblem(try stack.client.send("POST", "/nowhere", body: forged), 404) }
        let login: JSON = ["username": .string(name), "password": "long enough"]
        #expect(try stack.patiently { try stack.post("/login", login) }.status == 401)
        // Sent as a request, the same records do create the account.
        let client = try FastCGIClient(path: stack.socket)
        try client.send(forged)
        #expect(try client.answer().status == 200)
    }

    @Test func rejectsRequestsWithoutTheSecret() throws {
        for gate in [nil, "", "wrong", stack.gate + "x", String(stack.gate.dropLast())] {
            var params = stack.params("GET", "/health").filter { $0.0 != "FLOW_GATE" }
            if let gate { params.append(("FLOW_GATE", gate)) }
            params.append(("HTTP_FLOW_GATE", stack.gate))
            let client = try FastCGIClient(path: stack.socket)
            try client.send(FastCGIClient.request(params))
            #expect(throws: FastCGIClient.Failure.closed) { try client.answer() }
        }
    }

    @Test func survivesInvalidRecords() throws {
        let health = stack.params("GET", "/health")
        let getValues = FastCGIClient.record(
            type: 9, id: 0, (0..<40).flatMap { _ in [14, 0] + Array("FCGI_MAX_CONNS".utf8) })
        let garbage: [(name: String, bytes: [UInt8])] = [
            ("text", Array("GET / HTTP/1.1\r\n\r\n".utf8)), ("zeros", [UInt8](repeating: 0, count: 4_096)),
            ("ones", [UInt8](repeating: 0xff, count: 4_096)), ("half a header", [1, 1, 0]),
            ("FCGI_GET_VALUES", getValues + FastCGIClient.begin()),
            ("authorizer", FastCGIClient.begin(role: 2) + FastCGIClient.params(health)),
            ("filter", FastCGIClient.begin(role: 3) + FastCGIClient.params(health)),
            ("version 2", FastCGIClient.begin(version: 2) + FastCGIClient.params(health)),
            ("no params", FastCGIClient.begin() + FastCGIClient.params([]) + FastCGIClient.body([])),
            (
                "empty names",
                FastCGIClient.begin() + FastCGIClient.params([("", ""), ("", "x")]) + FastCGIClient.body([])
            ),
            (
                "endless length",
                FastCGIClient.begin() + FastCGIClient.record(type: 4, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
            ),
            ("unknown type", FastCGIClient.record(type: 200, id: 0) + FastCGIClient.begin()),
        ]
        for (name, bytes) in garbage {
            let client = try FastCGIClient(path: stack.socket)
            // The server may close before everything is sent.
            try? client.send(bytes)
            client.finishSending()
            #expect(client.isClosed(), "\(name)")
            #expect(try FastCGIClient(path: stack.socket).exchange(health).status == 200, "after \(name)")
        }
        #expect(!stack.log.contains("responder-exited"))
    }
}
