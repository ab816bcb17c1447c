import Crypto
import Testing

@Suite struct SecureRandomTests {
    @Test func returnsTheRequestedNumberOfBytes() {
        #expect(SecureRandom.bytes(0).isEmpty)
        #expect(SecureRandom.bytes(1000).count == 1000)
        #expect(SecureRandom.bytes(16) != SecureRandom.bytes(16))
        #expect(SecureRandom.token(bytes: 32).utf8.count == 43)
        #expect(SecureRandom.token(bytes: 32) != SecureRandom.token(bytes: 32))
    }

    @Test func doublesFillTheUnitInterval() {
        let numbers = SecureRandom.doubles(count: 100_000)
        #expect(numbers.allSatisfy { (0..<1).contains($0) })
        #expect(SecureRandom.doubles(count: 0).isEmpty)
        // With 100,000 numbers, the limit is more than ten standard deviations.
        #expect(abs(numbers.reduce(0, +) / 100_000 - 0.5) < 0.01)
        #expect(Set(numbers).count > 99_000)
    }

    @Test func stringsUseTheWholeAlphabetEvenly() {
        // 200 characters: without rejection sampling the first 56 would occur twice as often.
        let alphabet = String(String.UnicodeScalarView((0..<200).compactMap { Unicode.Scalar(0x4E00 + $0) }))
        let text = SecureRandom.string(length: 100_000, alphabet: alphabet)
        #expect(text.count == 100_000)
        let first = text.count { $0 < Array(alphabet)[56] }
        #expect(abs(Double(first) / 100_000 - 0.28) < 0.02)
        #expect(Set(text).count == 200)
    }

    @Test func stringsOfOneCharacterAndOfNone() {
        #expect(SecureRandom.string(length: 5, alphabet: "x") == "xxxxx")
        #expect(SecureRandom.string(length: 0, alphabet: "xy").isEmpty)
    }
}

@Suite struct UUIDv7Tests {
    /// RFC 9562, appendix A.6.
    @Test func equalsTheExampleOfTheSpecification() {
        let text = UUIDv7.text(seconds: 1_645_557_742, nanoseconds: 797_608, random: 0x18C4_DC0C_0C07_398F)
        #expect(text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    }

    @Test func sortsByTime() {
        let moments = [(0, 0), (1, 0), (1, 999), (1, 1_000_000), (1, 999_999_999), (2, 0), (4_000_000_000, 0)]
        let early = moments.map { UUIDv7.text(seconds: $0.0, nanoseconds: $0.1, random: 0) }
        let late = moments.map { UUIDv7.text(seconds: $0.0, nanoseconds: $0.1, random: .max) }
        #expect(early == early.sorted() && late == late.sorted())
        #expect(late[4] < early[5])
    }

    @Test func makesDistinctUUIDsOfVersion7() {
        let made = (0..<10_000).map { _ in UUIDv7.make() }
        #expect(Set(made).count == made.count)
        for text in made {
            #expect(text.utf8.count == 36 && text == text.lowercased())
            #expect(text[text.index(text.startIndex, offsetBy: 14)] == "7")
            #expect("89ab".contains(text[text.index(text.startIndex, offsetBy: 19)]))
        }
    }
}
