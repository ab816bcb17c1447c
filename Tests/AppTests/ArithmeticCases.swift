import JSON

@testable import App

/// Arguments for the `calc.*` tasks, the same for the same seed: numbers at the edges of their types, near powers
/// of two and squares, and random bits.
struct ArithmeticCases {
    private var generator: SplitMix

    init(seed: UInt64) { generator = SplitMix(state: seed) }

    /// Numbers at which some step of a calculation may overflow or lose precision.
    static let edges: [JSON] =
        [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max, 3_037_000_499, 3_037_000_500, 4_294_967_296].map(JSON.integer)
        + [-1, 0, 1].flatMap { [1 << 53 + $0, -(1 << 53) + $0] }.map(JSON.integer)
        + [1 << 63, 1 << 63 + 1, .max - 1, .max].map(JSON.unsigned)
        + [
            0, -0.0, 1, -1, 0.1, 0x1p-1030, 0x1p-1022, 1e-308, 1e39, -1e39, 1e154, 1e200, 1e308, -1e308, 0x1p53, 0x1p63,
            0x1p64, 0x1p126, 0x1p127, 0x1p127.nextDown, 0x1p254, 0x1p254.nextDown, 0x1p254.nextUp, 1.3e19,
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
        ].map(JSON.number)

    /// Each edge; each pair of edges if the task takes two arguments.
    func extremes(of task: Calculation) -> [[JSON]] {
        if Self.counts(of: task) == 1...1 { return Self.edges.map { [$0] } }
        return Self.edges.flatMap { first in Self.edges.map { [first, $0] } }
    }

    /// Random arguments: in half of the cases all of one kind, because only then results stay exact.
    mutating func arguments(of task: Calculation) -> [JSON] {
        let count = Int.random(in: Self.counts(of: task), using: &generator)
        let isInteger: Bool? = Bool.random(using: &generator) ? Bool.random(using: &generator) : nil
        return (0..<count).map { _ in number(isInteger: isInteger ?? Bool.random(using: &generator)) }
    }

    private static func counts(of task: Calculation) -> ClosedRange<Int> {
        switch task.type {
        case "calc.square_root": 1...1
        case "calc.division": 2...2
        default: 2...6
        }
    }

    private mutating func number(isInteger: Bool) -> JSON {
        let shift = UInt64.random(in: 0..<64, using: &generator)
        let bits = generator.next()
        switch (UInt8.random(in: 0..<4, using: &generator), isInteger) {
        case (0, _):
            let edges = Self.edges.filter { (Calculation.integer($0) != nil) == isInteger }
            return edges.randomElement(using: &generator) ?? 0
        case (1, true): return integer((bits >> 32) * (bits >> 32))
        case (1, false): return .number(Double(sign: .plus, exponent: Int(shift) * 8 - 256, significand: 1))
        case (2, true): return integer(1 << shift &+ bits % 3 &- 1)
        case (2, false): return .number(Double(Int64(bitPattern: bits) >> shift) / 8)
        case (_, true): return .integer(Int64(bitPattern: bits) >> shift)
        case (_, false):
            let double = Double(bitPattern: bits)
            return .number(double.isFinite ? double : 0)
        }
    }

    private func integer(_ value: UInt64) -> JSON { Int64(exactly: value).map(JSON.integer) ?? .unsigned(value) }
}

/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
