import Crypto
import Testing
import Tokens

@Suite struct DoctorTokenTests {
    private static let now: Int64 = 1_764_000_000
    private let key = HMACSHA256(key: [1])

    @Test func isValidForFiveMinutes() {
        let token = DoctorToken.make(now: Self.now, key: key)
        for age in [-60, 0, 299] as [Int64] {
            #expect(DoctorToken.id(of: token, now: Self.now + age, key: key) != nil, "\(age)")
        }
        for age in [.min / 2, -61, 300, .max / 2] as [Int64] {
            #expect(DoctorToken.id(of: token, now: Self.now + age, key: key) == nil, "\(age)")
        }
    }

    @Test func eachHasAnIDOfItsOwn() {
        let ids = (0..<100).map { _ in
            DoctorToken.id(of: DoctorToken.make(now: Self.now, key: key), now: Self.now, key: key)
        }
        #expect(Set(ids).count == 100 && !ids.contains(nil))
    }

    @Test func everyByteIsSigned() throws {
        let bytes = try #require(Base64URL.decode(DoctorToken.make(now: Self.now, key: key).utf8))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            #expect(DoctorToken.id(of: Base64URL.encode(changed), now: Self.now, key: key) == nil, "\(index)")
        }
    }

    @Test func refusesOtherKeysAndOtherTexts() {
        let token = DoctorToken.make(now: Self.now, key: key)
        #expect(DoctorToken.id(of: token, now: Self.now, key: HMACSHA256(key: [2])) == nil)
        for text in ["", "x", "\(token)A", String(token.dropLast()), "\(token)=", String(repeating: "A", count: 100)] {
            #expect(DoctorToken.id(of: text, now: Self.now, key: key) == nil, "\(text)")
        }
    }
}
