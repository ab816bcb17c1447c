import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import System
import TestSupport
import Testing

@Suite struct CGITests {
    /// The output for a request with this environment and standard input.
    private func output(
        _ environment: [String: String], input: String, timeout: Duration = .seconds(20),
        handler: (Request, BodyReader) -> Reply
    ) -> String {
        var (inputPipe, outputPipe): ([Int32], [Int32]) = ([0, 0], [0, 0])
        unsafe pipe(&inputPipe)
        unsafe pipe(&outputPipe)
        _ = unsafe write(inputPipe[1], Array(input.utf8), input.utf8.count)
        close(inputPipe[1])
        CGI.serve(
            environment: environment, timeout: timeout, input: inputPipe[0], output: outputPipe[1], handler: handler)
        close(outputPipe[1])
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, count in
            count = unsafe max(0, read(outputPipe[0], buffer.baseAddress, 4_096))
        }
        close(inputPipe[0])
        close(outputPipe[0])
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func answersTheOneRequest() {
        let environment = [
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/flow-manager", "CONTENT_LENGTH": "7",
            "CONTENT_TYPE": "application/json", "PATH": "/usr/bin",
        ]
        let text = output(environment, input: "{\"a\":1}") { request, read in
            guard case .bytes(let body) = try? read(.memory) else {
                return .response(Response(status: .internalError))
            }
            #expect(request.method == "POST")
            #expect(request.target == "/flow-manager")
            #expect(request.headers.fields.map(\.name) == ["content-type"])
            return .response(Response(status: .created, headers: ["X-A": "b"], body: body))
        }
        #expect(text == "Status: 201 Created\r\nX-A: b\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
    }

    /// Apache passes a body that was sent in chunks so, and its first part if the client is cut off.
    @Test(arguments: [BodyPolicy.none, .memory, .file(limit: 7)])
    func aBodyOfUnknownLengthIsRefused(policy: BodyPolicy) {
        let environment = ["REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"]
        _ = output(environment, input: "{\"a\":1}") { request, read in
            #expect(throws: Rejection.lengthUnknown) { try Received(request, reading: policy, by: read) }
            return .response(Response(status: .lengthRequired))
        }
    }

    /// Its process has a connection to the database as soon as it is handled.
    @Test func aCallIsHandledWhenItsBodyHasArrived() throws {
        var (inputPipe, outputPipe): ([Int32], [Int32]) = ([0, 0], [0, 0])
        unsafe pipe(&inputPipe)
        unsafe pipe(&outputPipe)
        let length = 200_000
        let (input, sender) = (inputPipe[0], inputPipe[1])
        let thread = try NativeThread {
            let bytes = [UInt8](repeating: 0x61, count: length)
            var sent = 0
            while sent < length { sent += unsafe write(sender, Array(bytes[sent...]), length - sent) }
        }
        CGI.serve(
            environment: ["REQUEST_METHOD": "PUT", "CONTENT_LENGTH": "\(length)"], input: input, output: outputPipe[1]
        ) { request, read in
            var unread: Int32 = 0
            _ = unsafe ioctl(input, UInt(FIONREAD), &unread)
            #expect(unread == 0)
            #expect((try? Received(request, reading: .file(limit: length), by: read))?.body.count == length)
            return .response(Response(status: .ok))
        }
        thread.join()
        for descriptor in inputPipe + outputPipe { close(descriptor) }
    }

    /// A client may send single bytes.
    @Test func aBodyThatDoesNotArriveIsGivenUp() {
        var (inputPipe, outputPipe): ([Int32], [Int32]) = ([0, 0], [0, 0])
        unsafe pipe(&inputPipe)
        unsafe pipe(&outputPipe)
        CGI.serve(
            environment: ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": "7"], readDeadline: .milliseconds(100),
            input: inputPipe[0], output: outputPipe[1]
        ) { _, _ in .response(Response(status: .unauthorized)) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 100) { buffer, count in
            count = unsafe max(0, read(outputPipe[0], buffer.baseAddress, 100))
        }
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("Status: 401 "))
        for descriptor in inputPipe + outputPipe { close(descriptor) }
    }

    /// Apache breaks the response off otherwise.
    @Test func anUnreadBodyIsDrained() {
        var inputPipe: [Int32] = [0, 0]
        unsafe pipe(&inputPipe)
        _ = unsafe write(inputPipe[1], Array("{\"a\":1}rest".utf8), 11)
        close(inputPipe[1])
        let null = unsafe open("/dev/null", O_WRONLY)
        CGI.serve(
            environment: ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": "7"], input: inputPipe[0], output: null
        ) { _, _ in .response(Response(status: .unauthorized)) }
        let rest = unsafe [UInt8](unsafeUninitializedCapacity: 100) { buffer, count in
            count = unsafe max(0, read(inputPipe[0], buffer.baseAddress, 100))
        }
        #expect(String(decoding: rest, as: UTF8.self) == "rest")
        close(inputPipe[0])
        close(null)
    }

    @Test(arguments: [BodyPolicy.none, .memory, .file(limit: 6)], ["8", "7", "x"])
    func rejectsIncompleteBodies(policy: BodyPolicy, length: String) {
        let environment = ["REQUEST_METHOD": "POST", "CONTENT_LENGTH": length]
        let text = output(environment, input: "{\"a\":1}") { request, read in
            do throws(Rejection) {
                return .response(
                    Response(status: try Received(request, reading: policy, by: read).body.isEmpty ? .ok : .created))
            } catch {
                return .response(Response(status: error.status))
            }
        }
        let status =
            if length == "x" { 400 } else if policy.limit == 6 { 413 } else if length == "8" { 400 } else {
                policy == .none ? 200 : 201
            }
        #expect(text.hasPrefix("Status: \(status) "))
        #expect(text.hasSuffix("\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test func answersHeadWithoutABody() {
        let sent = Recording<Int>()
        let text = output(["REQUEST_METHOD": "HEAD"], input: "") { _, _ in
            var reply = Reply.response(Response(status: .ok, body: [1, 2, 3]))
            reply.onSent = { sent.add(1) }
            return reply
        }
        #expect(text == "Status: 200 OK\r\nContent-Length: 3\r\n\r\n")
        #expect(sent.all == [1])
    }

    /// The process waits for a response that is sent later by another thread.
    @Test func waitsForALaterResponse() {
        let responses = Recording<Int?>()
        let text = output(["REQUEST_METHOD": "GET"], input: "") { _, _ in
            var reply = Reply.wait(fallback: .noContent) { pending in
                DispatchQueue.global().async {
                    pending.send(Response(status: .ok, body: [0x61]))
                    pending.send(Response(status: .ok, body: [0x62]))
                }
            }
            reply.onResponse = { responses.add($0?.status.rawValue) }
            return reply
        }
        #expect(text == "Status: 200 OK\r\nContent-Length: 1\r\n\r\na")
        #expect(responses.all == [200])
    }

    @Test func timeoutEndsTheWait() {
        let held = Mutex<PendingResponse?>(nil)
        let text = output(["REQUEST_METHOD": "GET"], input: "", timeout: .milliseconds(20)) { _, _ in
            .wait(fallback: Response(status: .accepted)) { pending in held.withLock { $0 = pending } }
        }
        #expect(text == "Status: 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        held.withLock(\.self)?.send(.noContent)
    }

    @Test func bodyIsWrittenToAFile() {
        let environment = ["REQUEST_METHOD": "PUT", "CONTENT_LENGTH": "5"]
        let text = output(environment, input: "abcde") { request, read in
            guard let received = try? Received(request, reading: .file(limit: 5), by: read) else {
                return .response(Response(status: .internalError))
            }
            return .response(Response(status: .ok, body: received.body))
        }
        #expect(text == "Status: 200 OK\r\nContent-Length: 5\r\n\r\nabcde")
    }

    /// The process cannot wait for more events, so the reader returns with its cursor.
    @Test func streamEndsWithTheAvailableEvents() {
        let held = Mutex<EventStream?>(nil)
        let text = output(["REQUEST_METHOD": "GET"], input: "") { _, _ in
            .stream(head: Response(status: .ok, headers: ["X-A": "b"]), fallback: .noContent) { stream in
                stream.send(Array("data: 1\n\n".utf8))
                held.withLock { $0 = stream }
            }
        }
        #expect(text == "Status: 200 OK\r\nX-A: b\r\n\r\ndata: 1\n\n")
        #expect(held.withLock(\.self)?.send(Array("data: 2\n\n".utf8)) == false)
    }
}
