/// The key of a series of values: a digest of its name and labels (FNV-1a, 64 bits), which is the same in all processes
/// and versions of the program.
package struct SeriesKey: Hashable, Sendable {
    /// Never zero, which marks a free place.
    let word: UInt64

    /// - Parameter text: the name and the labels, as they are published.
    package init(_ text: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        word = hash == 0 ? 1 : hash
    }

    /// Nil for zero.
    init?(word: UInt64) {
        guard word != 0 else { return nil }
        self.word = word
    }
}

extension SharedMemory {
    /// The first word of the series' place among places of that width, whose first word is the key; a free place
    /// becomes the series' own. Nil if there is none.
    func place(of key: SeriesKey, in region: Range<Int>, width: Int) -> Int? {
        for index in places(for: key, in: region, width: width) {
            if word(index) == 0, replace(0, by: key.word, at: index) { return index }
            // Perhaps another process has taken the place for the same series.
            if word(index) == key.word { return index }
        }
        return nil
    }

    /// The first word of the series' place; nil if it has none.
    func existingPlace(of key: SeriesKey, in region: Range<Int>, width: Int) -> Int? {
        for index in places(for: key, in: region, width: width) {
            switch word(index) {
            case key.word: return index
            case 0: return nil
            default: continue
            }
        }
        return nil
    }

    /// All places, from the one that the key selects on.
    private func places(
        for key: SeriesKey, in region: Range<Int>, width: Int
    ) -> some Sequence<Int> {
        let capacity = region.count / width
        let first = Int(key.word % UInt64(capacity))
        return (0..<capacity).lazy.map { region.lowerBound + (first + $0) % capacity * width }
    }
}
