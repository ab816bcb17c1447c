import Flows
import JSON

/// Arithmetic on the numbers in `arguments`: exact on integers if the result is an integer of at most 64 bits, even if
/// intermediate values are larger; otherwise in doubles, from left to right. With lists among the arguments it
/// calculates element by element.
struct Calculation: FlowTask {
    let type: String
    let summary: String
    let effect = Effect.pure
    let input: JSONSchema
    let output = JSONSchema.object(required: [
        "result": JSONSchema.anyOf([.number, .array(of: .number, count: 0...Calculation.maximumCount)]).described(
            "A number; with lists among the arguments, a list")
    ])
    /// The maximum number of arguments, and of elements of a list.
    private static let maximumCount = 10_000
    /// The maximum number of arguments times the elements of a list.
    private static let maximumWork = 1_000_000
    /// What is wrong with an argument at its index, if the operation is not defined for it.
    private let refusal: (@Sendable (Int, Double) -> String?)?
    private let compute: @Sendable ([JSON]) throws -> JSON

    private init(
        _ name: String, _ summary: String, arguments: ClosedRange<Int>,
        refusing refusal: (@Sendable (Int, Double) -> String?)? = nil,
        compute: @escaping @Sendable ([JSON]) throws -> JSON
    ) {
        type = "calc.\(name)"
        self.summary = summary
        let argument = JSONSchema.anyOf([.number, .array(of: .number, count: 0...Self.maximumCount)])
        input = .object(required: [
            "arguments": JSONSchema.array(of: argument, count: arguments).described(
                "Numbers. Some may be lists of one length instead: the result is then the list of the results for "
                    + "their first elements, their second ones and so on, each with the numbers")
        ])
        self.refusal = refusal
        self.compute = compute
    }

    func mistakes(in input: JSON) -> Violations {
        var mistakes = Violations()
        let arguments = input["arguments"]?.arrayValue ?? []
        if Set(arguments.compactMap { $0.arrayValue?.count }).count > 1 {
            mistakes.append(Violation(at: ["arguments"], "must not have lists of different lengths"))
        }
        guard let refusal else { return mistakes }
        for (index, argument) in arguments.enumerated() {
            for (element, number) in (argument.arrayValue ?? [argument]).enumerated() {
                guard let message = number.doubleValue.flatMap({ refusal(index, $0) }) else { continue }
                let place: [JSONPointer.Token] = argument.arrayValue == nil ? [] : [.index(element)]
                mistakes.append(Violation(at: JSONPointer(["arguments", .index(index)] + place), message))
            }
        }
        return mistakes
    }

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        ["result": try result(input["arguments"]?.arrayValue ?? [])]
    }

    private func result(_ arguments: [JSON]) throws -> JSON {
        let lists = arguments.compactMap(\.arrayValue)
        guard let count = lists.first?.count else { return try compute(arguments) }
        guard lists.allSatisfy({ $0.count == count }) else {
            throw TaskFailure(code: "invalid_input", message: "/arguments: lists must have the same length")
        }
        guard arguments.count * count <= Self.maximumWork else {
            throw TaskFailure(
                code: "invalid_input",
                message: "/arguments: arguments times elements must be at most \(Self.maximumWork)")
        }
        return .array(
            try (0..<count).map { index in
                do {
                    return try compute(arguments.map { $0.arrayValue?[index] ?? $0 })
                } catch let failure as TaskFailure {
                    throw failure.ofItem(index)
                }
            })
    }

    static let addition = Calculation("addition", "Adds numbers", arguments: 1...maximumCount, compute: sum)

    static let subtraction = Calculation(
        "subtraction", "Subtracts the later numbers from the first", arguments: 2...maximumCount
    ) {
        try fold($0, { $0.subtractingReportingOverflow($1) }, -)
    }

    static let multiplication = Calculation("multiplication", "Multiplies numbers", arguments: 1...maximumCount) {
        numbers in
        // A product that overflows returns to the range of JSON integers only if a factor is zero.
        let isZero = numbers.contains { integer($0) == 0 }
        return try fold(numbers, { isZero ? (0, false) : $0.multipliedReportingOverflow(by: $1) }, *)
    }

    static let division = Calculation(
        "division", "Divides the first number by the second", arguments: 2...2,
        refusing: { index, number in index == 1 && number == 0 ? "must not be 0" : nil }
    ) { numbers in
        guard numbers[1].doubleValue != 0 else {
            throw TaskFailure(code: "division_by_zero", message: "Division by zero")
        }
        if let dividend = integer(numbers[0]), let divisor = integer(numbers[1]), dividend % divisor == 0,
            let quotient = json(dividend / divisor)
        {
            return quotient
        }
        return try finite(double(numbers[0]) / double(numbers[1]))
    }

    static let squareRoot = Calculation(
        "square_root", "Computes the square root of a number", arguments: 1...1,
        refusing: { _, number in number < 0 ? "must be at least 0" : nil }
    ) { numbers in
        let number = double(numbers[0])
        guard number >= 0 else {
            throw TaskFailure(code: "negative_number", message: "A negative number has no square root")
        }
        let root = number.squareRoot()
        // An integer is below 2^64, so squaring its root cannot overflow. The root of a double can be larger.
        if let square = integer(numbers[0]), let exact = Int64(exactly: root), Int128(exact) * Int128(exact) == square {
            return .integer(exact)
        }
        return .number(root)
    }

    /// The sum of at least one number.
    @Sendable static func sum(_ numbers: [JSON]) throws -> JSON {
        try fold(numbers, { $0.addingReportingOverflow($1) }, +)
    }

    private static func fold(
        _ numbers: [JSON], _ exact: (Int128, Int128) -> (partialValue: Int128, overflow: Bool),
        _ approximate: (Double, Double) -> Double
    ) throws -> JSON {
        let integers = numbers.compactMap(integer)
        if integers.count == numbers.count {
            var (result, overflow) = (integers[0], false)
            for number in integers.dropFirst() where !overflow { (result, overflow) = exact(result, number) }
            if !overflow, let exact = json(result) { return exact }
        }
        return try finite(numbers.dropFirst().reduce(double(numbers[0])) { approximate($0, double($1)) })
    }

    /// The number, if it was written as an integer. 128 bits hold the sum and the difference of any two.
    static func integer(_ number: JSON) -> Int128? {
        switch number {
        case .integer(let value): Int128(value)
        case .unsigned(let value): Int128(value)
        default: nil
        }
    }

    /// Nil for an integer that JSON values cannot represent exactly.
    private static func json(_ result: Int128) -> JSON? {
        Int64(exactly: result).map(JSON.integer) ?? UInt64(exactly: result).map(JSON.unsigned)
    }

    private static func double(_ number: JSON) -> Double { number.doubleValue ?? .nan }

    private static func finite(_ result: Double) throws -> JSON {
        guard result.isFinite else { throw TaskFailure(code: "out_of_range", message: "The result is out of range") }
        return .number(result)
    }
}
