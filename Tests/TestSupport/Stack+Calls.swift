package import JSON

extension Stack: Caller {
    package func send(
        _ method: String, _ target: String, headers: [(String, String)], body: [UInt8]?
    ) throws -> HTTPAnswer {
        try client.send(method, target, headers: headers, body: body)
    }

    /// The logs of all processes. Each worker of nginx buffers its lines for up to a second.
    package func completeLogs() throws -> String {
        let markers = (0..<20).map { _ in "marker-\(UInt64.random(in: 0...UInt64.max))" }
        for marker in markers { _ = try get("/health", headers: [("X-Request-Id", marker)]) }
        let isComplete = try FolderWatch("\(folder)/nginx").wait(for: 10) {
            let log = accessLog
            return markers.allSatisfy { log.contains($0) }
        }
        guard isComplete else { throw TestFailure("nginx has not logged all requests") }
        try waitForLog {
            let log = log
            return markers.allSatisfy { log.contains($0) }
        }
        return logs
    }

    /// Sends JSON bodies to one target, all at once.
    package func post(_ target: String, atOnce bodies: [JSON], token: String? = nil) throws -> [HTTPAnswer] {
        let headers = [("Content-Type", "application/json")] + (token.map { [bearer($0)] } ?? [])
        return try client.exchange(
            atOnce: bodies.map { client.message("POST", target, headers: headers, body: $0.serialized()) })
    }

    /// The params of a request that goes directly to the socket, with the secret of the web server.
    package func params(
        _ method: String, _ target: String, length: Int? = nil, _ more: [(String, String)] = []
    ) -> [(String, String)] {
        [
            ("REQUEST_METHOD", method), ("REQUEST_URI", target), ("REMOTE_ADDR", "192.0.2.7"), ("FLOW_GATE", gate),
            ("CONTENT_TYPE", "application/json"), ("CONTENT_LENGTH", length.map(String.init) ?? ""),
        ] + more
    }
}

extension JSON {
    /// The example of the API: fetch, process, store.
    package static let demoFlow: JSON = [
        "flow": [
            "id": "flow123", "name": "Data processing flow", "start_task": "task1",
            "tasks": [
                ["name": "task1", "description": "Fetch data"],
                ["name": "task2", "description": "Process data"],
                ["name": "task3", "description": "Store data"],
            ],
            "conditions": [
                [
                    "name": "condition_task1_result",
                    "description": "If task1 succeeds, go on to task2, otherwise end.", "source_task": "task1",
                    "outcome": "success", "target_task_success": "task2", "target_task_failure": "end",
                ],
                [
                    "name": "condition_task2_result",
                    "description": "If task2 succeeds, go on to task3, otherwise end.", "source_task": "task2",
                    "outcome": "success", "target_task_success": "task3", "target_task_failure": "end",
                ],
            ],
        ],
        "input": [:],
    ]
}
