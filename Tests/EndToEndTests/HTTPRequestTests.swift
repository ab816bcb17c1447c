import Glibc
import HTTP
import JSON
import TestSupport
import Testing

/// Steps that send requests, with a real worker.
@Suite(.timeLimit(.minutes(3))) struct HTTPRequestTests {
    private func call(_ url: String) -> JSON { .flow([.task("a", "http.request", ["url": .string(url)])]) }

    /// The worker is killed while the service answers: the step is repeated with the same key.
    @Test func aKilledWorkerRepeatsTheRequestWithItsKey() throws {
        let stack = try Stack(settings: ["HTTP_ALLOW_ADDRESSES": "127.0.0.1"])
        let caller = try RunCaller(stack)
        let worker = try #require(stack.processes.first { $0.arguments.contains("work") })
        // The first request is never answered: its worker dies.
        let server = try LoopbackServer { request in
            request.target == "/" && kill(worker.id, 0) == 0 && kill(worker.id, SIGKILL) == 0
                ? .trickle("HTTP/1.1 200 OK\r\nX: ")
                : .ok(#"{"paid":true}"#, fields: "Content-Type: application/json\r\n")
        }
        let id = try caller.start(keeping: call(server.url + "/"))
        let run = try caller.end(id)
        #expect(run["status"] == "completed", "\(run.text)")
        #expect(run["steps"]?.each("output").first?["body"] == ["paid": true])
        #expect(run["steps"]?.each("attempts") == [2])
        #expect(server.requests.map { $0.fields["idempotency-key"] } == ["\(id)-1", "\(id)-1"])
    }

    /// Calls to a silent host occupy no thread, and cancel ends them.
    @Test func callsThatWaitDelayNoOtherRun() throws {
        let stack = try Stack(settings: [
            "HTTP_ALLOW_ADDRESSES": "127.0.0.1", "WORKER_THREADS": "1", "EXTERNAL_CALLS": "4",
        ])
        let (silent, busy, other) = (try LoopbackListener(), try RunCaller(stack), try RunCaller(stack))
        let workflow = try busy.keep(call("http://127.0.0.1:\(silent.port)/"))
        let ids = try (0..<20).map { _ in try busy.start(workflow) }
        _ = try busy.run(ids[0]) { $0["steps"]?.each("status") == ["running"] }
        let duration = try ContinuousClock().measure {
            let run = try other.end(other.start(keeping: .flow([.task("a", "pass")])))
            #expect(run["status"] == "completed")
        }
        #expect(duration < .seconds(5))
        #expect(try busy.act("cancel", ids[0]).status == 200)
        #expect(try busy.run(ids[0])["status"] == "canceled")
        let server = try LoopbackServer { _ in .ok("hello") }
        let run = try other.end(other.start(keeping: call(server.url)))
        #expect(run["steps"]?.each("output").first?["body"] == "hello")
    }

    /// A name server that never answers costs each step its own timeout, and no other step or run any time. The lookups
    /// outlive their steps and keep their places among the calls: the ten of the user's share end, and no others begin.
    @Test(.enabled(if: TestDatabase.givesSessions)) func aSilentNameServerDelaysOnlyItsOwnSteps() throws {
        let stack = try Stack(settings: ["WORKERS": "0", "EXTERNAL_CALLS": "20"])
        let caller = try RunCaller(stack)
        let ids = try (0..<16).map { number in
            let task: JSON = [
                "name": "a", "type": "http.request", "timeout": 1,
                "input": ["url": .string("http://name\(number).example.org/")],
            ]
            return try caller.start(keeping: .flow([task]))
        }
        let last = try caller.start(keeping: .flow([.task("a", "pass")]))
        // A network and a file of name servers of its own, in which the worker runs.
        let script = """
            set -e
            ip link set lo up
            cd \(stack.folder)
            mkfifo bound
            python3 -c '
            import socket
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.53", 53))
            print("bound", flush=True)
            while True: server.recv(512)' >bound &
            trap "kill $! 2>/dev/null" EXIT
            read bound <bound
            echo nameserver 127.0.0.53 >resolv.conf
            mount --bind resolv.conf /etc/resolv.conf
            : >worker.log
            LOG_FILE=worker.log \(Stack.executable) work &
            worker=$! looks=0
            until [ "$(grep -c external-call-failed worker.log)" -ge 10 ] || [ $looks = 300 ]; do
                sleep 0.1
                looks=$((looks + 1))
            done
            # An eleventh call would begin now, and end after a second.
            sleep 2
            kill $worker
            wait $worker
            """
        let duration = try ContinuousClock().measure {
            let result = try Stack.command(
                ["--net", "--mount", "/bin/sh", "-c", script], of: "/usr/bin/unshare", environment: stack.environment)
            #expect(result.status == 0, "\(result.output)")
        }
        #expect(duration < .seconds(9), "one after the other they would take 10 s")
        let ended = try ids.filter { try caller.run($0)["steps"]?.each("error").first?["code"] == "timeout" }
        #expect(ended.count == 10)
        #expect(try caller.run(last)["status"] == "completed")
    }
}
