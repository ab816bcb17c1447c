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

/// A table of series, each in a place of its own: the key, the length of the text, the text, and the values. The text
/// is stored with the series, so that a process can read those of a later or earlier version of the program.
struct SeriesTable: Sendable {
    let memory: SharedMemory
    let region: Range<Int>
    /// The number of words for the text.
    let textWords: Int
    /// The number of words for the values.
    let values: Int

    private var rows: Rows { Rows(of: region, length: 2 + textWords + values) }

    /// The index of the first value of the series, which begins with zero; nil if all places are taken, or the text is
    /// too long.
    func place(of text: String) -> Int? {
        guard text.utf8.count <= textWords * 8 else { return nil }
        let key = SeriesKey(text)
        for index in rows.starts(from: key.word) {
            let isFree = memory.word(index) == 0
            // If another process takes it at this moment, it may be for the same series.
            if isFree, memory.replace(0, by: key.word, at: index) || memory.word(index) == key.word {
                return describe(index, text)
            }
            if !isFree, memory.word(index) == key.word { return describe(index, text) }
        }
        return nil
    }

    /// Stores the text if it is not there: the process that took the place may have been killed before it did.
    private func describe(_ index: Int, _ text: String) -> Int {
        let first = index + 2 + textWords
        guard memory.word(index + 1) == 0 else { return first }
        var words = Array(repeating: UInt64(0), count: textWords)
        for (position, byte) in text.utf8.enumerated() {
            words[position / 8] |= UInt64(byte) << UInt64(position % 8 * 8)
        }
        for (position, word) in words.enumerated() { memory.set(word, at: index + 2 + position) }
        memory.publish(UInt64(text.utf8.count), at: index + 1)
        return first
    }

    /// The index of the first value of the series; nil if it has no place.
    func existingPlace(of key: SeriesKey) -> Int? {
        for index in rows.starts(from: key.word) {
            switch memory.word(index) {
            case key.word: return index + 2 + textWords
            case 0: return nil
            default: continue
            }
        }
        return nil
    }

    /// All series that have a place and a text, with the index of the first value.
    var all: [(text: String, place: Int)] {
        rows.starts().compactMap { index in
            let length = Int(clamping: memory.word(index + 1))
            guard memory.word(index) != 0, (1...textWords * 8).contains(length) else { return nil }
            let bytes = (0..<length).map { position in
                UInt8(truncatingIfNeeded: memory.word(index + 2 + position / 8) >> UInt64(position % 8 * 8))
            }
            return (String(decoding: bytes, as: UTF8.self), index + 2 + textWords)
        }
    }
}
