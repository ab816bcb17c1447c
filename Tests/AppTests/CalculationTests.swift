import Flows
import JSON
import TestSupport
import Testing

@testable import App

@Suite struct CalculationTests {
    /// The text of the result, so that 2, 2.0 and -0.0 differ; the code of a failure.
    private func result(_ task: Calculation, _ arguments: [JSON]) throws -> String {
        do {
            let output = try run(task, on: ["arguments": .array(arguments)])
            #expect(task.output.violations(in: output) == [])
            return output["result"]?.text ?? ""
        } catch let failure as TaskFailure {
            return failure.code
        }
    }

    @Test(
        arguments: [
            ([1, 2], "3"), ([5], "5"), ([1, -1], "0"), ([0.1, 0.2], "0.30000000000000004"), ([1, 0.5], "1.5"),
            ([1, 1.0], "2.0"),
            ([9_007_199_254_740_993, 1], "9007199254740994"), ([.integer(.max), 0], "9223372036854775807"),
            ([.integer(.max), 1], "9223372036854775808"), ([.integer(.max), 1, -1], "9223372036854775807"),
            ([.integer(.min), -1], "-9.223372036854776e+18"), ([.integer(.min), -1, 1], "-9223372036854775808"),
            ([.unsigned(.max)], "18446744073709551615"), ([.unsigned(.max), 1], "1.8446744073709552e+19"),
            ([.unsigned(.max), .integer(.min)], "9223372036854775807"), ([1e308, 1e308], "out_of_range"),
            ([1e16, 1, -1e16], "0.0"), ([-0.0], "-0.0"), ([-0.0, 0], "0.0"),
            (Array(repeating: .integer(.max), count: 1_000), "9.223372036854776e+21"),
        ] as [([JSON], String)])
    func adds(arguments: [JSON], expected: String) throws {
        #expect(try result(.addition, arguments) == expected)
    }

    @Test(
        arguments: [
            ([5, 2], "3"), ([5, 2, 4], "-1"), ([1.5, 1], "0.5"), ([.integer(.min), 1], "-9.223372036854776e+18"),
            ([0, .integer(.min)], "9223372036854775808"), ([.unsigned(.max), .unsigned(.max)], "0"),
            ([-2, .integer(.max), -5], "-9223372036854775804"), ([-1e308, 1e308], "out_of_range"),
        ] as [([JSON], String)])
    func subtracts(arguments: [JSON], expected: String) throws {
        #expect(try result(.subtraction, arguments) == expected)
    }

    @Test(
        arguments: [
            ([3, 4], "12"), ([7], "7"), ([-3, 0.5], "-1.5"), ([3_037_000_499, 3_037_000_499], "9223372030926249001"),
            ([4_294_967_296, 4_294_967_295], "18446744069414584320"),
            ([4_294_967_296, 4_294_967_296], "1.8446744073709552e+19"),
            ([.integer(.min), -1], "9223372036854775808"), ([.integer(.min), -1, -1], "-9223372036854775808"),
            ([.integer(.max), .integer(.max), 0], "0"), ([1e200, 1e200], "out_of_range"), ([0, -1], "0"),
            ([0.0, -1], "-0.0"), ([.integer(.max), .integer(.max), .integer(.max), 0], "0"),
            ([.integer(.max), .integer(.max), .integer(.max), 0.0], "0.0"),
            (Array(repeating: 2, count: 63), "9223372036854775808"),
            (Array(repeating: 2, count: 200), "1.6069380442589903e+60"),
        ] as [([JSON], String)])
    func multiplies(arguments: [JSON], expected: String) throws {
        #expect(try result(.multiplication, arguments) == expected)
    }

    @Test(
        arguments: [
            ([6, 3], "2"), ([7, 2], "3.5"), ([1, 3], "0.3333333333333333"), ([-7, 7], "-1"), ([0, 5], "0"),
            ([6.0, 3], "2.0"),
            ([.integer(.min), -1], "9223372036854775808"), ([.integer(.min), 1], "-9223372036854775808"),
            ([.integer(.max), -1], "-9223372036854775807"), ([.unsigned(.max), 5], "3689348814741910323"),
            ([9_007_199_254_740_993, 1], "9007199254740993"), ([1, 0], "division_by_zero"),
            ([0, 0], "division_by_zero"),
            ([1, 0.0], "division_by_zero"), ([1, -0.0], "division_by_zero"), ([0, -5], "0"),
            ([1e308, 1e-10], "out_of_range"),
        ] as [([JSON], String)])
    func divides(arguments: [JSON], expected: String) throws {
        #expect(try result(.division, arguments) == expected)
    }

    @Test(
        arguments: [
            ([4], "2"), ([0], "0"), ([2], "1.4142135623730951"), ([4.0], "2.0"), ([2.25], "1.5"), ([-0.0], "-0.0"),
            ([9_223_372_030_926_249_001], "3037000499"), ([9_223_372_030_926_249_000], "3037000499.0"),
            ([.unsigned(18_446_744_065_119_617_025)], "4294967295"), ([.unsigned(.max)], "4294967296.0"),
            ([-1], "negative_number"), ([-0.5], "negative_number"), ([1e39], "3.162277660168379e+19"),
            ([1e300], "1e+150"), ([0x1p254], "1.7014118346046923e+38"), ([0x1p126], "9.223372036854776e+18"),
            ([.number(.greatestFiniteMagnitude)], "1.3407807929942596e+154"),
            ([.number(.leastNonzeroMagnitude)], "2.2227587494850775e-162"),
        ] as [([JSON], String)])
    func computesSquareRoots(arguments: [JSON], expected: String) throws {
        #expect(try result(.squareRoot, arguments) == expected)
    }

    @Test(
        arguments: [
            (.addition, []), (.subtraction, [1]), (.multiplication, []), (.division, [1]), (.division, [1, 2, 3]),
            (.squareRoot, []), (.squareRoot, [1, 2]), (.addition, ["1"]), (.addition, [nil]), (.addition, [true]),
            (.addition, [["1"]]), (.addition, [[[1]]]), (.addition, Array(repeating: 1, count: 10_001)),
            (.addition, [[1, 2], [1]]), (.addition, [[1, 2], [1, 2, 3], 1]), (.division, [[1], [1], [1]]),
            (.multiplication, [.array(Array(repeating: 1, count: 10_000))] + Array(repeating: 1, count: 100)),
        ] as [(Calculation, [JSON])])
    func refusesInvalidArguments(task: Calculation, arguments: [JSON]) throws {
        #expect(try result(task, arguments) == "invalid_input")
    }

    @Test(
        arguments: [
            (.addition, [[1, 2, 3], [10, 20, 30]], "[11,22,33]"), (.addition, [[1, 2], 0.5], "[1.5,2.5]"),
            (.subtraction, [10, [1, 2], [3, 4]], "[6,4]"), (.multiplication, [[2, 3], [5, 7], 2], "[20,42]"),
            (.division, [[6, 7], 2], "[3,3.5]"), (.squareRoot, [[4, 9]], "[2,3]"), (.addition, [[1, 2]], "[1,2]"),
            (.addition, [[], 1], "[]"), (.addition, Array(repeating: 1, count: 10_000), "10000"),
        ] as [(Calculation, [JSON], String)])
    func calculatesListsElementByElement(task: Calculation, arguments: [JSON], expected: String) throws {
        #expect(try result(task, arguments) == expected)
    }

    @Test func aFailureNamesTheElement() throws {
        let failure = #expect(throws: TaskFailure.self) {
            try run(Calculation.division, on: ["arguments": [[4, 1, 5], [2, 0, 0]]])
        }
        #expect(failure?.code == "division_by_zero")
        #expect(failure?.message == "Item 1: Division by zero")
        #expect(failure?.details == ["index": 1])
    }

    /// As in a flow that sums up the prices of its lines.
    @Test func templatesGiveTheArguments() throws {
        let root: JSON = ["input": ["lines": [["price": 3, "count": 2], ["price": 5, "count": 1]]]]
        let products = try run(
            Calculation.multiplication,
            on: ["arguments": ["{{ $.input.lines[*].price }}", "{{ $.input.lines[*].count }}"]], seeing: root)
        #expect(products == ["result": [6, 5]])
        #expect(
            try run(Calculation.addition, on: ["arguments": "{{ $.products }}"], seeing: ["products": [6, 5]]) == [
                "result": 11
            ])
    }

    @Test(arguments: [[], [1, 2], ["argument": [1]], ["arguments": 1], nil, "1"] as [JSON])
    func refusesInvalidInputs(input: JSON) {
        let failure = #expect(throws: TaskFailure.self) { try run(Calculation.addition, on: input) }
        #expect(failure?.code == "invalid_input")
    }
}
