import Flows
import JSON
import Testing

@Suite struct FlowCycleTests {
    /// Reads a flow of tasks `a` to `f`, with edges such as `ab`: from `a` to `b` on success, to the end on failure. A
    /// third letter is the target on failure.
    private func read(_ edges: [String]) -> (problems: [Violation], warnings: [Violation]) {
        let flow = FlowText.flow(
            start: "a", ["a": "pass", "b": "pass", "c": "pass", "d": "pass", "e": "pass", "f": "pass"],
            edges.map { edge in
                let letters = edge.map(String.init)
                return FlowText.condition(
                    edge, after: letters[0], success: letters[1], failure: letters.count > 2 ? letters[2] : "end")
            })
        var reader = FlowReader(catalog: .plain)
        _ = reader.read(flow)
        return (Array(reader.problems), Array(reader.warnings))
    }

    /// Each cycle is reported at its first task in the order of the flow.
    @Test(
        arguments: [
            (["aa"], [0]), (["ab", "ba"], [0]), (["ab", "bc", "ca"], [0]), (["ab", "bb"], [1]),
            (["ac", "cb", "bc"], [1]),
            (["abc", "bd", "cb", "dc"], [1]), (["ab", "de", "ed"], [3]), (["aa", "bc", "cb", "ff"], [0, 1, 5]),
            (["abb", "baa"], [0]), (["af", "fe", "ed", "dc", "cb", "ba"], [0]),
        ] as [([String], [Int])])
    func cyclesAreRefused(edges: [String], tasks: [Int]) {
        #expect(
            read(edges).problems
                == tasks.map {
                    Violation(pointer: "/flow/tasks/\($0)", message: "is on a cycle without a task that has max_visits")
                })
    }

    @Test(arguments: [
        ["abc", "bd", "cd", "de", "ef"], ["abf", "bcf", "cdf", "def", "eff"], ["fe", "ed", "dc", "cb", "ba"], [],
    ])
    func branchesThatJoinAreNoCycles(edges: [String]) {
        #expect(read(edges).problems == [])
    }

    @Test func unreachableTasksAreWarnings() {
        let (problems, warnings) = read(["abc", "de"])
        #expect(problems == [])
        #expect(warnings == [3, 4, 5].map { Violation(pointer: "/flow/tasks/\($0)", message: "is never reached") })
    }

    @Test func unusedConditionsAreWarnings() {
        let (problems, warnings) = read(["abc", "ad", "bd", "de", "ef"])
        #expect(problems == [])
        #expect(
            warnings == [
                Violation(
                    pointer: "/flow/conditions/1", message: "never decides: an earlier condition of its task does")
            ])
    }

    @Test func findsCyclesInLongChains() {
        var reader = FlowReader(catalog: .plain)
        let chain = FlowText.chain(Array(repeating: "pass", count: 1_000))
        let back = FlowText.condition("back", after: "t1000", success: "end", failure: "t500")
        let conditions = (chain["conditions"]?.arrayValue ?? []) + [back]
        #expect(reader.read(chain.replacing(["conditions"], with: .array(conditions))) == nil)
        #expect(reader.problems.map(\.pointer) == ["/flow/tasks/499"])
    }
}

@Suite struct TaskCatalogTests {
    @Test func findsTasksByTypeAndAlias() {
        #expect(TaskCatalog.plain["data.fetch"]?.type == "data.fetch")
        #expect(TaskCatalog.plain["task1"]?.type == "data.fetch")
        #expect(TaskCatalog.plain["Task1"] == nil)
    }

    @Test func listsTasksWithTheirPrices() {
        let catalog = TaskCatalog([TestTask("sum", effect: .transactional, input: .boolean)], aliases: ["add": "sum"])
        #expect(
            catalog.json(PriceList(["sum": Price(cost: 5, isActive: false), "add": Price(cost: 1, isActive: true)]))
                == [
                    [
                        "type": "sum", "summary": "For tests", "effect": "transactional", "cost": 5, "active": false,
                        "takes_credential": false, "input": ["type": "boolean"], "output": [:],
                    ]
                ])
    }
}
