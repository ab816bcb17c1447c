import Glibc
import JSON
import Postgres
import System
import TestSupport
import Testing

/// Clients notice as little as possible when responders are reloaded, killed or terminated.
@Suite(.serialized) struct ReloadTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack()
        user = try stack.makeUser()
    }

    /// Makes sixteen concurrent calls, half of them runs, and returns their statuses; 0 for a call without a response.
    private func callAll() throws -> [Int] {
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        let calls = try (0..<16).map { number in
            let post = stack.client.message("POST", "/flow-manager", headers: headers, body: JSON.demoFlow.serialized())
            let get = stack.client.message("GET", "/me", headers: headers)
            return try stack.client.begin(number.isMultiple(of: 2) ? post : get)
        }
        return calls.map { (try? stack.client.finish($0).status) ?? 0 }
    }

    private func events(_ name: String) -> [String] {
        stack.log.split(separator: "\n").filter { $0.contains(" \(name)") }.map(String.init)
    }

    /// The process ids of the running responders.
    private func responders() -> [pid_t] {
        func processIDs(_ event: String) -> [pid_t] {
            events(event).compactMap { line in line.split(separator: "child=").last?.prefix { $0.isNumber } }.compactMap
            {
                pid_t($0)
            }
        }
        let exited = processIDs("responder-exited")
        return processIDs("responder-ready").filter { !exited.contains($0) }
    }

    /// The process id of the supervisor: the parent of a responder, which is the fourth field of its stat in proc(5).
    private func supervisor() throws -> pid_t {
        let responder = try #require(responders().first)
        let fields = String(decoding: try Files.read("/proc/\(responder)/stat"), as: UTF8.self).split(separator: " ")
        return try #require(pid_t(fields[3]))
    }

    @Test func losesNoRequestInTenReloads() throws {
        let supervisor = try supervisor()
        let before = Set(responders())
        var statuses: [Int] = []
        for number in 1...10 {
            kill(supervisor, SIGHUP)
            repeat { statuses += try callAll() } while events("reloaded").count < number
        }
        // A call that waits for a worker, because others of its user occupy their share of the threads, is answered 202
        // when its process is replaced; on a slow machine one is refused for the same reason.
        #expect(Set(statuses).isSubset(of: [200, 202, 429]), "\(statuses.count) answers")
        #expect(before.isDisjoint(with: responders()))
        #expect(responders().count == 2)
        #expect(events("responder-exited").count == 20)
        #expect(![" warning ", " error "].contains { stack.log.contains($0) }, "\(stack.log)")
    }

    /// Signals 0 to 24 ms apart: the pool ends up as after one reload, and its supervisor lives.
    @Test func losesNoRequestInAStormOfReloads() throws {
        let supervisor = try supervisor()
        let before = Set(responders())
        let thread = try NativeThread {
            for _ in 0..<25 {
                kill(supervisor, SIGHUP)
                poll(nil, 0, Int32.random(in: 0...24))
            }
        }
        var statuses: [Int] = []
        repeat { statuses += try callAll() } while events("reloaded").isEmpty
        thread.join()
        try eventually("the last reload has ended") {
            statuses += try callAll()
            return events("reloading").count == events("reloaded").count
        }
        #expect(Set(statuses).isSubset(of: [200, 202, 429]), "\(statuses.count) answers")
        #expect(before.isDisjoint(with: responders()))
        #expect(responders().count == 2 && kill(supervisor, 0) == 0)
        #expect(![" warning ", " error "].contains { stack.log.contains($0) }, "\(stack.log)")
    }

    @Test func replacesAKilledResponder() throws {
        let victim = try #require(responders().first)
        var failures = 0
        kill(victim, SIGKILL)
        // Only the calls that it was serving are lost.
        for _ in 0..<10 { failures += try callAll().count { $0 != 200 } }
        try stack.waitForLog { responders().count == 2 && !responders().contains(victim) }
        #expect(failures <= 16)
        for _ in 0..<10 { #expect(Set(try callAll()) == [200]) }
    }

    /// A call that was begun may have had its effect, so it is not executed again.
    @Test func aCallThatAKilledResponderHadBegunIsNotRepeated() throws {
        let held = try HeldRows("LOCK TABLE documents", in: stack.database)
        let call = try begin(.demoFlow)
        try held.waitUntilWanted()
        for responder in responders() { kill(responder, SIGKILL) }
        expectProblem(try stack.client.finish(call), 502, "bad_gateway")
        held.release()
        #expect(try stack.get("/api/executions", token: user.token)["items"] == [])
        try stack.waitForLog { stack.log.contains("call-not-repeated") }
    }

    /// Stops a process and waits until each of its threads has stopped: until then it may read a call.
    private func stop(_ process: pid_t) throws {
        kill(process, SIGSTOP)
        try eventually("the process has stopped") {
            // The state follows the name of the thread, which is in parentheses (proc_pid_stat(5)).
            try threads(of: process).allSatisfy { thread in
                let line = String(decoding: try Files.read("/proc/\(process)/task/\(thread)/stat"), as: UTF8.self)
                return line.split(separator: ")").last?.hasPrefix(" T") == true
            }
        }
    }

    private func threads(of process: pid_t) throws -> [String] {
        guard let folder = unsafe opendir("/proc/\(process)/task") else { throw TestFailure("no such process") }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if Int(name) != nil { names.append(name) }
        }
        return names
    }

    /// No call is lost that was sent to a responder and not read before it was killed.
    @Test func callsThatAKilledResponderHadNotReadAreExecuted() throws {
        var count = 0
        for _ in 0..<20 where try !stack.completeLogs().contains("502, 200") {
            _ = try callAll()
            let victim = try #require(responders().first)
            try stop(victim)
            let calls = try (0..<16).map { _ in try begin(.demoFlow) }
            // Those that the other responder gets are answered now.
            try eventually("a call is answered") {
                try stack.database.connect().query("SELECT 1 FROM executions WHERE user_id = \(user.id)").count > count
            }
            kill(victim, SIGKILL)
            #expect(try calls.map { try stack.client.finish($0).status } == Array(repeating: 200, count: 16))
            try stack.waitForLog { responders().count == 2 && !responders().contains(victim) }
            count = try stack.database.connect().query("SELECT 1 FROM executions WHERE user_id = \(user.id)").count
        }
        #expect(try stack.completeLogs().contains("502, 200"))
    }

    /// At the end of all processes, calls are answered or refused. Only of a POST on a kept connection that ends at
    /// that moment nginx cannot know whether it was read.
    @Test(arguments: [SIGTERM, SIGKILL]) func callsAreRefusedWhenNothingListens(signal: Int32) throws {
        var statuses: [Int] = []
        kill(try supervisor(), signal)
        repeat { statuses += try callAll() } while !statuses.contains(503)
        let gets = statuses.indices.filter { $0 % 2 == 1 }.map { statuses[$0] }
        #expect(Set(gets).isSubset(of: [200, 503]) && Set(statuses).isSubset(of: [200, 202, 502, 503]), "\(statuses)")
        try eventually("nothing serves") { Set(try callAll()) == [503] }
    }

    private func begin(_ flow: JSON) throws -> Int32 {
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        return try stack.client.begin(
            stack.client.message("POST", "/flow-manager", headers: headers, body: flow.serialized()))
    }

    @Test func finishesItsRequestBeforeItExits() throws {
        let supervisor = try supervisor()
        #expect(try stack.send("PUT", "/api/data/result", ["value": 0], token: user.token).status == 200)
        let held = try HeldRows("UPDATE documents SET value = '1' WHERE user_id = \(user.id)", in: stack.database)
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        let call = try stack.client.begin(
            stack.client.message("POST", "/flow-manager", headers: headers, body: JSON.demoFlow.serialized()))
        try held.waitUntilWanted()
        kill(supervisor, SIGTERM)
        try stack.waitForLog { responders().count == 1 }
        held.release()
        let answer = try stack.client.finish(call)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["result"]["value"]?["sum"] == 29)
        try stack.waitForLog { responders().isEmpty }
        #expect(
            events("responder-exited").allSatisfy { $0.contains("exited(0)") || $0.contains("cause=0") }, "\(stack.log)"
        )
        expectProblem(try stack.get("/health"), 503, "unavailable")
    }
}
