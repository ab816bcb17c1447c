import JSON
import Testing

/// Hostile queries and values end by the budget, in a time that depends on it alone.
@Suite struct JSONPathBudgetTests {
    private func limit(
        _ query: String, in root: JSON, visits: Int = 100_000, results: Int = 1_000
    ) throws -> JSONPathLimitError? {
        var budget = JSONPathBudget(visits: visits, results: results)
        let path = try JSONPath(parsing: query)
        do throws(JSONPathLimitError) {
            _ = try path.values(in: root, budget: &budget)
            return nil
        } catch {
            return error
        }
    }

    private let thousand = JSON.array((0..<1_000).map { .integer($0) })
    private let longText = JSON.string(String(repeating: "a", count: 1 << 20))

    @Test func resultsAreLimited() throws {
        #expect(try limit("$[*]", in: thousand) == nil)
        #expect(try limit("$[0,*]", in: thousand) == .results)
        #expect(try limit("$[*][*][*]", in: [[[1, 2]]], results: 1) == .results)
        #expect(try limit("$", in: 1, results: 0) == .results)
        // Nodes within filters are no results.
        #expect(try limit("$[?count($[*]) > 0]", in: [1, 2], results: 2) == nil)
    }

    @Test(arguments: [
        "$[?count($[*]) > 1]", "$[?$[?$[?@ == 1] && @ < 0]]", "$[?count($..*) == 0]", "$..[?count($..*) < 1]",
    ])
    func nestedFiltersAreLimited(query: String) throws {
        #expect(try limit(query, in: thousand) == .visits)
    }

    @Test func repeatedSelectorsAreLimited() throws {
        let query = "$" + String(repeating: "[*,*]", count: 40)
        var root: JSON = 1
        for _ in 0..<40 { root = [root] }
        #expect(try limit(query, in: root) == .visits || limit(query, in: root) == .results)
        let descendants = "$" + String(repeating: "..*", count: 20)
        #expect(try limit(descendants, in: root) == .results)
        #expect(try limit(descendants + ".x", in: root) == .visits)
    }

    /// Long texts, large objects and regular expressions cost more than one visit.
    @Test func largeOperandsAreLimited() throws {
        let copies = JSON.array(Array(repeating: longText, count: 100))
        for filter in ["@ == $[0]", "@ <= $[1]", "length(@) > 0", "search(@, '\\\\p{Lu}')", "match($[0], @)"] {
            #expect(try limit("$[?\(filter)]", in: copies) != nil, "\(filter)")
        }
        let names = (0..<10_000).map { JSONObject.Member(name: "n\($0)", value: .integer($0)) }
        let object = JSON.object(JSONObject(names))
        let reversed = JSON.object(JSONObject(names.reversed()))
        #expect(try limit("$[?$.n9999 > 0]", in: object) == .visits)
        #expect(try limit("$[?$.x]", in: object) == .visits)
        #expect(try limit("$[?@ == $[1]]", in: [object, reversed]) == nil)
        #expect(try limit("$[*][?$[0] == $[1]]", in: [object, reversed]) == .visits)
    }

    @Test func compilingRegularExpressionsIsLimited() throws {
        let patterns = JSON.array((0..<1_000).map { .string("a{\($0)}") })
        #expect(try limit("$[?match('a', @)]", in: patterns) == .visits)
        #expect(try limit("$[?match('a', @)]", in: patterns, visits: 2_000_000) == nil)
        #expect(try limit("$[?match('a', @)]", in: [.string("a{1001}")]) == .patternTooLarge)
        let error = try #require(syntaxError("$[?match('a', 'a{1001}')]"))
        #expect(error.description == "line 1, column 15: the regular expression is too large")
    }

    /// A value of the greatest depth that is parsed is walked as a whole, with filters too; stacks are small.
    @Test func depthIsLimited() throws {
        var root: JSON = 1
        for _ in 0..<JSONLimits.own.depth { root = [root] }
        #expect(try limit("$..[?@..[?@..x]]", in: root, visits: 1_000_000) == nil)
        #expect(try limit("$..*", in: root) == nil)
        var query = "@"
        for _ in 0..<8 { query = "$" + String(repeating: "[*]", count: 60) + "[?\(query)]" }
        #expect(try limit(query, in: root) == .depth)
    }

    /// What is left after one query limits the next; the same query on the same value costs the same.
    @Test func budgetIsSharedAndExact() throws {
        let path = try JSONPath(parsing: "$[?@ > 10 && search('ab', 'b')]")
        var first = JSONPathBudget()
        let before = first.visits
        _ = try path.values(in: thousand, budget: &first)
        let cost = before - first.visits
        #expect(cost > 1_000)
        var exact = JSONPathBudget(visits: cost, results: 989)
        _ = try path.values(in: thousand, budget: &exact)
        #expect((exact.visits, exact.results) == (0, 0))
        var short = JSONPathBudget(visits: cost - 1)
        #expect(throws: JSONPathLimitError.visits) { _ = try path.values(in: thousand, budget: &short) }
    }

    /// Existence and first values are found without visiting the rest.
    @Test func stopsAtTheFirstNode() throws {
        var budget = JSONPathBudget(visits: 10)
        #expect(try JSONPath(parsing: "$[*]").firstValue(in: thousand, budget: &budget) == 0)
        #expect(try limit("$[?$[*]]", in: [1, 2, 3], visits: 40) == nil)
        #expect(try limit("$[0:1][?$[*]]", in: thousand, visits: 10) == nil)
    }
}
