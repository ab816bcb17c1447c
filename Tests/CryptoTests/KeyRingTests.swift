import Crypto
import Dispatch
import Testing

@Suite struct KeyRingTests {
    static let old = [UInt8](repeating: 0x11, count: 32)
    static let new = [UInt8](repeating: 0x22, count: 32)
    let secret = Array("sk-live-4242".utf8)
    let context = "credentials/017f22e2/mail".utf8
    let ring: KeyRing
    /// Opens with both keys, seals with the new one.
    let rotated: KeyRing
    let sealed: [UInt8]

    init() throws {
        ring = try KeyRing(key: Self.old)
        rotated = try KeyRing(key: Self.new, previous: [Self.old])
        sealed = ring.seal(secret, associated: context)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 100_000])
    func opensItsOwnValues(count: Int) throws {
        let secret = SecureRandom.bytes(count)
        for associated in [[], SecureRandom.bytes(40)] {
            let sealed = ring.seal(secret, associated: associated)
            #expect(sealed.count == count + KeyRing.overhead)
            #expect(try ring.open(sealed, associated: associated) == secret)
        }
    }

    /// A value sealed by an independent implementation of the format: stored values must stay readable.
    @Test func opensValuesOfAnotherImplementation() throws {
        let text = """
            AT9sGN5CQmq7oKGio6SlpqeoqaqrbdikrUvzZhLZMqJxolRcvbcYKpsgV43jSMq4o3uAAG06yyw9UlIkkF-iQ1w8m285sLGy\
            s7S1tre4ubq76j53x4W73nJzyqOQKaJvRsBOq9-YkNceZjFpvA
            """
        #expect(try ring.open(try #require(Base64URL.decode(text.utf8)), associated: context) == secret)
    }

    @Test func equalSecretsAreSealedDifferently() {
        let again = ring.seal(secret, associated: context)
        #expect(again.prefix(9) == sealed.prefix(9))
        #expect(again.dropFirst(9) != sealed.dropFirst(9))
    }

    @Test func refusesValuesWithAChangedBit() {
        for position in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[position] ^= 1 << bit
                #expect(throws: (1...8).contains(position) ? SealError.unknownKey : .notGenuine) {
                    try ring.open(changed, associated: context)
                }
            }
        }
    }

    @Test func refusesValuesOfAnotherLength() {
        for count in sealed.indices {
            #expect(throws: SealError.notGenuine) { try ring.open(Array(sealed[..<count]), associated: context) }
        }
        #expect(throws: SealError.notGenuine) { try ring.open(sealed + [0], associated: context) }
    }

    @Test(arguments: ["", "credentials/017f22e2/mai", "credentials/017f22e2/mail2", "Credentials/017f22e2/mail"])
    func opensOnlyWithItsAssociatedData(context: String) {
        #expect(throws: SealError.notGenuine) { try ring.open(sealed, associated: context.utf8) }
        #expect(throws: SealError.notGenuine) { try rotated.rewrap(sealed, associated: context.utf8) }
    }

    /// Parts of two valid values cannot be combined into another.
    @Test func refusesPartsOfOtherValues() {
        let other = ring.seal(Array("sk-live-4343".utf8), associated: context)
        for cut in [21, 69, 81] {
            #expect(throws: SealError.notGenuine) {
                try ring.open(Array(sealed[..<cut] + other[cut...]), associated: context)
            }
        }
    }

    @Test func aRotatedRingOpensOldValuesAndSealsWithTheNewKey() throws {
        #expect(sealed.starts(with: ring.currentHead) && !sealed.starts(with: rotated.currentHead))
        #expect(try rotated.open(sealed, associated: context) == secret)
        let fresh = rotated.seal(secret, associated: context)
        #expect(fresh.starts(with: rotated.currentHead))
        #expect(throws: SealError.unknownKey) { try ring.open(fresh, associated: context) }
    }

    @Test func rewrappingMovesAValueToTheCurrentKey() throws {
        let rewrapped = try rotated.rewrap(sealed, associated: context)
        let newOnly = try KeyRing(key: Self.new)
        #expect(rewrapped.starts(with: newOnly.currentHead))
        #expect(try newOnly.open(rewrapped, associated: context) == secret)
        #expect(throws: SealError.unknownKey) { try newOnly.open(sealed, associated: context) }
        #expect(throws: SealError.unknownKey) { try newOnly.rewrap(sealed, associated: context) }
        #expect(rewrapped.suffix(secret.count + 28) == sealed.suffix(secret.count + 28))
        #expect(try rotated.open(rotated.rewrap(rewrapped, associated: context), associated: context) == secret)
    }

    @Test func changedValuesAreRefusedAfterRewrapping() throws {
        for position in sealed.indices.dropFirst(9) {
            var changed = sealed
            changed[position] ^= 0x80
            #expect(throws: SealError.notGenuine) {
                try rotated.open(rotated.rewrap(changed, associated: context), associated: context)
            }
        }
    }

    /// A value with the id of the other key is refused, although the ring contains both.
    @Test func refusesAnExchangedKeyID() {
        #expect(throws: SealError.notGenuine) {
            try rotated.open(rotated.currentHead + sealed.dropFirst(9), associated: context)
        }
    }

    @Test(arguments: [
        [], [1], [UInt8](repeating: 0, count: 97), [UInt8](repeating: 1, count: 96), Array("plain text".utf8),
        [UInt8](repeating: 2, count: 200),
    ])
    func refusesOtherBytes(bytes: [UInt8]) {
        #expect(throws: SealError.notGenuine) { try ring.open(bytes, associated: []) }
        #expect(throws: SealError.notGenuine) { try ring.rewrap(bytes, associated: []) }
    }

    @Test func refusesWeakKeys() {
        let weak = [UInt8](repeating: 1, count: 31)
        #expect(throws: KeyRingError.weakKey) { try KeyRing(key: weak) }
        #expect(throws: KeyRingError.weakKey) { try KeyRing(key: Self.new, previous: [Self.old, weak]) }
    }

    @Test func isThreadSafe() {
        DispatchQueue.concurrentPerform(iterations: 32) { index in
            let context = [UInt8(index)]
            for _ in 0..<50 {
                let sealed = ring.seal(secret, associated: context)
                #expect((try? rotated.open(sealed, associated: context)) == secret)
                let rewrapped = try? rotated.rewrap(sealed, associated: context)
                #expect(rewrapped.flatMap { try? rotated.open($0, associated: context) } == secret)
            }
        }
    }

    @Test func wipingEmptiesTheArray() {
        var bytes = secret
        bytes.wipe()
        #expect(bytes.isEmpty)
    }
}
