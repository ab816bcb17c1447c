import Flows
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

@Suite struct TaskTests {
    private func failure(_ body: () throws -> JSON) -> TaskFailure? {
        #expect(throws: TaskFailure.self) { _ = try body() }
    }

    @Test(arguments: [nil, 1, "x", ["a": [1, .unsigned(.max)]]] as [JSON])
    func passReturnsItsInput(input: JSON) throws {
        #expect(try run(Pass(), on: input) == input)
    }

    @Test(
        arguments: [
            (["message": "Not today"], "Not today"), ([:], "The flow failed on purpose"),
            (nil, "The flow failed on purpose"),
            (["message": 5], "The flow failed on purpose"),
        ] as [(JSON, String)])
    func failReportsItsMessage(input: JSON, message: String) {
        #expect(failure { try run(Fail(), on: input) } == TaskFailure(code: "failed", message: message))
    }

    @Test(
        arguments: [
            (
                ["rows": [["value": 3], ["value": 5], ["value": 8], ["value": 13]]],
                #"{"count":4,"sum":29,"min":3,"max":13,"mean":7.25}"#
            ),
            ([:], #"{"count":0,"sum":0,"min":null,"max":null,"mean":null}"#),
            ([true, "5", nil], #"{"count":0,"sum":0,"min":null,"max":null,"mean":null}"#),
            (7, #"{"count":1,"sum":7,"min":7,"max":7,"mean":7.0}"#),
            ([1, [2.5, ["x": -4]]], #"{"count":3,"sum":-0.5,"min":-4,"max":2.5,"mean":-0.16666666666666666}"#),
            (
                [9_007_199_254_740_993, 9_007_199_254_740_992],
                #"{"count":2,"sum":18014398509481985,"min":9007199254740992,"max":9007199254740993,"#
                    + #""mean":9007199254740992.0}"#
            ),
            (
                [.unsigned(.max), .integer(.min)],
                #"{"count":2,"sum":9223372036854775807,"min":-9223372036854775808,"max":18446744073709551615,"#
                    + #""mean":4.611686018427388e+18}"#
            ),
        ] as [(JSON, String)])
    func dataProcessComputesStatistics(input: JSON, expected: String) throws {
        let output = try run(DataProcess(), on: input)
        #expect(output.text == expected)
        #expect(DataProcess().output.violations(in: output) == [])
    }

    @Test func dataProcessFailsOutOfRange() {
        #expect(failure { try run(DataProcess(), on: [1e308, 1e308]) }?.code == "out_of_range")
    }

    @Test(arguments: [([:], 500), ([], 500), (nil, 500), (["n": 1], 1), (["n": 10_000], 10_000)] as [(JSON, Int)])
    func randomArrayHasNumbersBelowOne(input: JSON, count: Int) throws {
        let numbers = try #require(try run(RandomArray(), on: input).arrayValue).compactMap(\.doubleValue)
        #expect(numbers.count == count)
        #expect(numbers.allSatisfy { (0..<1).contains($0) })
        #expect(Set(numbers).count == count)
    }

    @Test(arguments: [0, -1, 10_001, 1.0, "5", nil, .unsigned(.max)] as [JSON])
    func randomArrayRefusesInvalidCounts(n: JSON) {
        #expect(failure { try run(RandomArray(), on: ["n": n]) }?.code == "invalid_input")
    }

    @Test(arguments: [1, 10, 1_000]) func randomStringHasTheRequestedLength(length: Int64) throws {
        let text = try #require(try run(RandomString(), on: ["length": .integer(length)])["result"]?.stringValue)
        #expect(text.utf8.count == Int(length))
        #expect(text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
    }

    @Test func randomStringsUseTheWholeAlphabet() throws {
        var seen: Set<Character> = []
        for _ in 0..<20 { seen.formUnion(try run(RandomString(), on: ["length": 1_000])["result"]?.stringValue ?? "") }
        #expect(seen.count == 62)
    }

    @Test(arguments: [["length": 0], ["length": 1_001], ["length": "5"], [:], 5, ["length": 5, "size": 5]] as [JSON])
    func randomStringRefusesInvalidInput(input: JSON) {
        #expect(failure { try run(RandomString(), on: input) }?.code == "invalid_input")
    }

    @Test func everyTypeIsListedOnce() {
        let types = Tasks.makeCatalog().tasks.map(\.type)
        #expect(Set(types).count == types.count)
        #expect(
            Tasks.makeCatalog().tasks.filter { $0.effect == .transactional }.map(\.type)
                == ["data.store", "posts.create", "posts.update"])
    }

    @Test(arguments: [
        ("task1", "data.fetch"), ("fetch_data", "data.fetch"), ("task2", "data.process"),
        ("process_data", "data.process"),
        ("task3", "data.store"), ("store_data", "data.store"),
    ])
    func demoNamesAreAliases(alias: String, type: String) {
        #expect(Tasks.makeCatalog()[alias]?.type == type)
    }
}

/// The tasks that read and write a user's documents.
@Suite struct DocumentTaskTests {
    private static let userID = "00000000-0000-7000-8000-000000000001"
    private static let otherID = "00000000-0000-7000-8000-000000000002"
    private static let demoTable: JSON = ["rows": [["value": 3], ["value": 5], ["value": 8], ["value": 13]]]

    private let database: TestDatabase
    private let connection: Connection

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        for id in [Self.userID, Self.otherID] {
            try database.connect().execute("INSERT INTO users (id, username, password_hash) VALUES (\(id), \(id), '-')")
        }
    }

    private func store(_ input: JSON) throws -> JSON {
        try run(DataStore(), on: input, userID: Self.userID, connection: connection)
    }

    private func fetch(_ input: JSON, of userID: String = userID) throws -> JSON {
        try run(DataFetch(), on: input, userID: userID, connection: connection)
    }

    @Test(
        arguments: [
            (["name": "a", "value": 1], "a", 1), (["value": [1, 2]], "result", [1, 2]), (["value": nil], "result", nil),
            (5, "result", 5), ([], "result", []), (nil, "result", nil), (["x": 1], "result", ["x": 1]),
            (["name": "a"], "result", ["name": "a"]),
            (["name": "é 😀'; --", "value": "' OR 1=1"], "é 😀'; --", "' OR 1=1"),
            (["value": .unsigned(.max), "other": 1], "result", .unsigned(.max)),
            (["name": .string(String(repeating: "n", count: 128)), "value": 0], String(repeating: "n", count: 128), 0),
        ] as [(JSON, String, JSON)])
    func fetchReturnsTheStoredValue(input: JSON, name: String, value: JSON) throws {
        #expect(try store(input) == ["name": .string(name), "value": value])
        #expect(try fetch(["name": .string(name)]) == value)
    }

    @Test func storingAgainReplaces() throws {
        _ = try store(["value": 1])
        _ = try store(["value": 2])
        #expect(try fetch(["name": "result"]) == 2)
    }

    @Test(arguments: ["", 5, nil, [], .string(String(repeating: "n", count: 201))] as [JSON])
    func refusesInvalidNames(name: JSON) {
        for attempt in [{ try store(["name": name, "value": 1]) }, { try fetch(["name": name]) }] {
            let failure = #expect(throws: TaskFailure.self) { try attempt() }
            #expect(failure?.code == "invalid_input")
        }
    }

    /// Documents that were stored when these names were permitted can be read, but no new ones are made.
    @Test(arguments: ["a/b", ".", "..", "a\nb", String(repeating: "n", count: 200)])
    func earlierNamesAreOnlyRead(name: String) throws {
        let failure = #expect(throws: TaskFailure.self) { try store(["name": .string(name), "value": 1]) }
        #expect(failure?.code == "invalid_input")
        try connection.execute(
            "INSERT INTO documents (user_id, name, value) VALUES (\(Self.userID), \(name), '[1]')")
        #expect(try fetch(["name": .string(name)]) == [1])
    }

    @Test func textWithNULIsRefused() {
        #expect(throws: TaskFailure.self) { try store(["value": "a\u{0}b"]) }
        #expect(throws: TaskFailure.self) { try store(["name": "a\u{0}b", "value": 1]) }
        #expect(throws: TaskFailure.self) { try fetch(["name": "a\u{0}b"]) }
    }

    @Test(arguments: [[:], nil, [1], ["name": "input"], ["rows": []]] as [JSON])
    func aUserWithoutInputGetsTheDemoTable(input: JSON) throws {
        #expect(try fetch(input) == Self.demoTable)
    }

    @Test func aStoredInputReplacesTheDemoTable() throws {
        _ = try store(["name": "input", "value": [4]])
        #expect(try fetch([:]) == [4])
        #expect(try fetch([:], of: Self.otherID) == Self.demoTable)
    }

    @Test func documentsOfOtherUsersAreNotFound() throws {
        _ = try store(["name": "mine", "value": 1])
        let failure = #expect(throws: TaskFailure.self) { try fetch(["name": "mine"], of: Self.otherID) }
        #expect(failure?.code == "not_found")
    }

    @Test func theDemoChainStoresItsStatistics() throws {
        let condition: (String, String) -> JSON = { source, target in
            [
                "name": .string("condition_\(source)_result"), "source_task": .string(source), "outcome": "success",
                "target_task_success": .string(target), "target_task_failure": "end",
            ]
        }
        let flow: JSON = [
            "id": "flow123", "name": "Data processing flow", "start_task": "task1",
            "tasks": [
                ["name": "task1", "description": "Fetch data"], ["name": "task2", "description": "Process data"],
                ["name": "task3", "description": "Store data"],
            ],
            "conditions": [condition("task1", "task2"), condition("task2", "task3")],
        ]
        let engine = Engine(catalog: Tasks.makeCatalog())
        let execution = try engine.run(
            Execution(id: "00000000-0000-7000-8000-0000000000ee", userID: Self.userID, flow: flow, input: [:]),
            engine.plan(flow, for: Self.userID, on: connection), on: connection, with: nil
        ).execution
        let statistics: JSON = ["count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25]
        #expect(execution.status == .completed)
        #expect(execution.result == ["name": "result", "value": statistics])
        #expect(try fetch(["name": "result"]) == statistics)
        let transactions = try database.connect().query(
            """
            SELECT xmin::text FROM executions UNION SELECT xmin::text FROM steps UNION SELECT xmin::text FROM documents
            """)
        #expect(transactions.count == 1)
    }
}
