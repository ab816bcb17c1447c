/// A region of the memory, divided into rows of the same length.
struct Rows: Sendable {
    private let region: Range<Int>
    /// In words.
    let length: Int

    init(of region: Range<Int>, length: Int) {
        self.region = region
        self.length = length
    }

    private var count: Int { region.count / length }

    private func start(of number: Int) -> Int { region.lowerBound + number * length }

    private func number(for key: UInt64) -> Int { Int(key % UInt64(count)) }

    /// The words of the row that the key selects.
    func row(for key: UInt64) -> Range<Int> {
        let start = start(of: number(for: key))
        return start..<(start + length)
    }

    /// The first words of all rows, beginning with the row that the key selects.
    func starts(from key: UInt64 = 0) -> some Sequence<Int> {
        let first = number(for: key)
        return (0..<count).lazy.map { start(of: (first + $0) % count) }
    }
}
