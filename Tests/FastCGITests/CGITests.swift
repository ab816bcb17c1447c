import FastCGI
import Glibc
import HTTP
import Testing

@Suite struct CGITests {
    /// What is written for a request with this environment and standard input.
    private func output(
        _ environment: [String: String], input: String, bodyLimit: Int = 1_000,
        handler: (Result<Request, Rejection>) -> Response
    ) -> String {
        var (inward, outward): ([Int32], [Int32]) = ([0, 0], [0, 0])
        unsafe pipe(&inward)
        unsafe pipe(&outward)
        _ = unsafe write(inward[1], Array(input.utf8), input.utf8.count)
        close(inward[1])
        CGI.serve(
            environment: environment, bodyLimit: bodyLimit, input: inward[0], output: outward[1], handler: handler)
        close(outward[1])
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, count in
            count = unsafe max(0, read(outward[0], buffer.baseAddress, 4_096))
        }
        close(inward[0])
        close(outward[0])
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func answersTheOneRequest() {
        let environment = [
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/flow-manager", "CONTENT_LENGTH": "7",
            "CONTENT_TYPE": "application/json", "PATH": "/usr/bin",
        ]
        let text = output(environment, input: "{\"a\":1}") { received in
            guard let request = try? received.get() else { return Response(status: .internalError) }
            #expect(request.method == "POST")
            #expect(request.target == "/flow-manager")
            #expect(request.headers.fields.map(\.name) == ["content-type"])
            return Response(status: .created, headers: ["X-A": "b"], body: request.body)
        }
        #expect(text == "Status: 201 Created\r\nX-A: b\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
    }

    @Test(arguments: [("8", 1_000, 400), ("7", 6, 413), ("x", 1_000, 400)])
    func rejectsWhatIsNotWhole(length: String, limit: Int, status: Int) {
        let environment = ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": length]
        let text = output(environment, input: "{\"a\":1}", bodyLimit: limit) { received in
            switch received {
            case .success: Response(status: .ok)
            case .failure(let rejection): Response(status: rejection.status)
            }
        }
        #expect(text.hasPrefix("Status: \(status) "))
        #expect(text.hasSuffix("\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test func answersHeadWithoutABody() {
        let text = output(["REQUEST_METHOD": "HEAD"], input: "") { _ in Response(status: .ok, body: [1, 2, 3]) }
        #expect(text == "Status: 200 OK\r\nContent-Length: 3\r\n\r\n")
    }
}
