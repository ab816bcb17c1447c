import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import Testing

@Suite struct CGITests {
    /// What is written for a request with this environment and standard input.
    private func output(
        _ environment: [String: String], input: String, bodyLimit: Int = 1_000, patience: Duration = .seconds(20),
        handler: (Result<Request, Rejection>) -> Reply
    ) -> String {
        var (inward, outward): ([Int32], [Int32]) = ([0, 0], [0, 0])
        unsafe pipe(&inward)
        unsafe pipe(&outward)
        _ = unsafe write(inward[1], Array(input.utf8), input.utf8.count)
        close(inward[1])
        CGI.serve(
            environment: environment, bodyLimit: bodyLimit, patience: patience, input: inward[0],
            output: outward[1], handler: handler)
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
            guard let request = try? received.get() else { return .now(Response(status: .internalError)) }
            #expect(request.method == "POST")
            #expect(request.target == "/flow-manager")
            #expect(request.headers.fields.map(\.name) == ["content-type"])
            return .now(Response(status: .created, headers: ["X-A": "b"], body: request.body))
        }
        #expect(text == "Status: 201 Created\r\nX-A: b\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
    }

    @Test(arguments: [("8", 1_000, 400), ("7", 6, 413), ("x", 1_000, 400)])
    func rejectsWhatIsNotWhole(length: String, limit: Int, status: Int) {
        let environment = ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": length]
        let text = output(environment, input: "{\"a\":1}", bodyLimit: limit) { received in
            switch received {
            case .success: .now(Response(status: .ok))
            case .failure(let rejection): .now(Response(status: rejection.status))
            }
        }
        #expect(text.hasPrefix("Status: \(status) "))
        #expect(text.hasSuffix("\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test func answersHeadWithoutABody() {
        let text = output(["REQUEST_METHOD": "HEAD"], input: "") { _ in
            .now(Response(status: .ok, body: [1, 2, 3]))
        }
        #expect(text == "Status: 200 OK\r\nContent-Length: 3\r\n\r\n")
    }

    /// The one process waits for an answer that comes later, from another thread.
    @Test func laterAnswerIsWaitedFor() {
        let text = output(["REQUEST_METHOD": "GET"], input: "") { _ in
            .later(
                Later(otherwise: .noContent) { parked in
                    DispatchQueue.global().async {
                        parked.answer(Response(status: .ok, body: [0x61]))
                        parked.answer(Response(status: .ok, body: [0x62]))
                    }
                })
        }
        #expect(text == "Status: 200 OK\r\nContent-Length: 1\r\n\r\na")
    }

    @Test func patienceEnds() {
        let held = Mutex<Parked?>(nil)
        let text = output(["REQUEST_METHOD": "GET"], input: "", patience: .milliseconds(20)) { _ in
            .later(Later(otherwise: Response(status: .accepted)) { parked in held.withLock { $0 = parked } })
        }
        #expect(text == "Status: 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        held.withLock(\.self)?.answer(.noContent)
    }
}
