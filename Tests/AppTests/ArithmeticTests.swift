import Flows
import Glibc
import JSON
import System
import TestSupport
import Testing

@testable import App

/// Compares the `calc.*` tasks with Python's numbers, which do not overflow: `Tests/Fixtures/arithmetic.py` computes
/// the expected result of each case.
@Suite struct ArithmeticTests {
    private static let tasks: [Calculation] = [.addition, .subtraction, .multiplication, .division, .squareRoot]

    @Test func resultsEqualThoseOfPython() throws {
        var cases = ArithmeticCases(seed: 20_261_129)
        let given =
            Self.tasks.flatMap { task in (0..<800).map { _ in (task, cases.arguments(of: task)) } }
            + Self.tasks.flatMap { task in cases.extremes(of: task).map { (task, $0) } }
        let expected = try Python.results(
            of: given.map { task, arguments in
                [.string(String(task.type.dropFirst("calc.".count))), .array(arguments)]
            })
        try #require(expected.count == given.count)
        var differences: [String] = []
        for ((task, arguments), expected) in zip(given, expected) {
            let result = try result(of: task, arguments)
            if result != expected {
                differences.append("\(task.type) of \(JSON.array(arguments).text): \(result) instead of \(expected)")
            }
        }
        #expect(differences.count == 0, "\(differences.count) of \(given.count): \(differences.prefix(10))")
    }

    /// The result in the format of the script. Checks that the text of a number parses to the same number.
    private func result(of task: Calculation, _ arguments: [JSON]) throws -> String {
        do {
            let output = try run(task, on: ["arguments": .array(arguments)])
            #expect(task.output.violations(in: output) == [])
            #expect(try JSON(parsing: output.serialized()) == output)
            return switch output["result"] {
            case .integer(let value): "integer \(value)"
            case .unsigned(let value): "integer \(value)"
            case .number(let value): "double \(hexadecimal(value.bitPattern))"
            default: output.text
            }
        } catch let failure as TaskFailure {
            return failure.code
        }
    }

    private func hexadecimal(_ bits: UInt64) -> String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The script, run once for all cases.
private enum Python {
    static func results(of cases: [JSON]) throws -> [Substring] {
        let folder = "\(Environment.current["TEST_FOLDER"] ?? "/tmp")/arithmetic.\(getpid())"
        let (source, target) = (folder + ".cases", folder + ".results")
        defer {
            unsafe unlink(source)
            unsafe unlink(target)
        }
        let descriptor = try Files.openToAppend(source)
        Files.write(Array(cases.map { $0.text + "\n" }.joined().utf8), to: descriptor)
        close(descriptor)
        try run(
            "/usr/bin/env", ["python3", Stack.root + "/Tests/Fixtures/arithmetic.py", source, target],
            Environment.current)
        return String(decoding: try Files.read(target, limit: 16 << 20), as: UTF8.self).split(separator: "\n")
    }
}
