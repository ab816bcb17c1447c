import Crypto
import Dispatch
import Testing

@Suite struct KeyRingTests {
    static let old = [UInt8](repeating: 0x11, count: 32)
    static let new = [UInt8](repeating: 0x22, count: 32)
    let secret = Array("sk-live-4242".utf8)
    let place = "credentials/017f22e2/mail".utf8
    let ring: KeyRing
    /// The old key still opens, the new one seals.
    let rotated: KeyRing
    let sealed: [UInt8]

    init() throws {
        ring = try KeyRing(key: Self.old)
        rotated = try KeyRing(key: Self.new, previous: [Self.old])
        sealed = ring.seal(secret, associated: place)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 100_000])
    func opensWhatItSealed(count: Int) throws {
        let secret = SecureRandom.bytes(count)
        for associated in [[], SecureRandom.bytes(40)] {
            let sealed = ring.seal(secret, associated: associated)
            #expect(sealed.count == count + KeyRing.overhead)
            #expect(try ring.open(sealed, associated: associated) == secret)
        }
    }

    /// Made by another program from the description of the form alone: what is stored today must open in years.
    @Test func opensWhatOthersSealed() throws {
        let text = """
            AT9sGN5CQmq7oKGio6SlpqeoqaqrbdikrUvzZhLZMqJxolRcvbcYKpsgV43jSMq4o3uAAG06yyw9UlIkkF-iQ1w8m285sLGy\
            s7S1tre4ubq76j53x4W73nJzyqOQKaJvRsBOq9-YkNceZjFpvA
            """
        #expect(try ring.open(try #require(Base64URL.decode(text.utf8)), associated: place) == secret)
    }

    @Test func equalSecretsLookDifferent() {
        let again = ring.seal(secret, associated: place)
        #expect(again.prefix(9) == sealed.prefix(9))
        #expect(again.dropFirst(9) != sealed.dropFirst(9))
    }

    @Test func noBitMayChange() {
        for position in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[position] ^= 1 << bit
                #expect(throws: (1...8).contains(position) ? SealError.unknownKey : .notGenuine) {
                    try ring.open(changed, associated: place)
                }
            }
        }
    }

    @Test func noByteMayBeMissingOrAdded() {
        for count in sealed.indices {
            #expect(throws: SealError.notGenuine) { try ring.open(Array(sealed[..<count]), associated: place) }
        }
        #expect(throws: SealError.notGenuine) { try ring.open(sealed + [0], associated: place) }
    }

    @Test(arguments: ["", "credentials/017f22e2/mai", "credentials/017f22e2/mail2", "Credentials/017f22e2/mail"])
    func opensAtItsPlaceOnly(place: String) {
        #expect(throws: SealError.notGenuine) { try ring.open(sealed, associated: place.utf8) }
        #expect(throws: SealError.notGenuine) { try rotated.rewrap(sealed, associated: place.utf8) }
    }

    /// The parts of two values that both open do not make a third.
    @Test func partsCannotBeExchanged() {
        let other = ring.seal(Array("sk-live-4343".utf8), associated: place)
        for cut in [21, 69, 81] {
            #expect(throws: SealError.notGenuine) {
                try ring.open(Array(sealed[..<cut] + other[cut...]), associated: place)
            }
        }
    }

    @Test func aRotatedRingOpensTheOldAndSealsAnew() throws {
        #expect(sealed.starts(with: ring.currentHead) && !sealed.starts(with: rotated.currentHead))
        #expect(try rotated.open(sealed, associated: place) == secret)
        let fresh = rotated.seal(secret, associated: place)
        #expect(fresh.starts(with: rotated.currentHead))
        #expect(throws: SealError.unknownKey) { try ring.open(fresh, associated: place) }
    }

    @Test func rewrappingMovesAValueToTheCurrentKey() throws {
        let rewrapped = try rotated.rewrap(sealed, associated: place)
        let dropped = try KeyRing(key: Self.new)
        #expect(rewrapped.starts(with: dropped.currentHead))
        #expect(try dropped.open(rewrapped, associated: place) == secret)
        #expect(throws: SealError.unknownKey) { try dropped.open(sealed, associated: place) }
        #expect(throws: SealError.unknownKey) { try dropped.rewrap(sealed, associated: place) }
        #expect(rewrapped.suffix(secret.count + 28) == sealed.suffix(secret.count + 28))
        #expect(try rotated.open(rotated.rewrap(rewrapped, associated: place), associated: place) == secret)
    }

    @Test func whatWasChangedStaysBrokenWhenRewrapped() throws {
        for position in sealed.indices.dropFirst(9) {
            var changed = sealed
            changed[position] ^= 0x80
            #expect(throws: SealError.notGenuine) {
                try rotated.open(rotated.rewrap(changed, associated: place), associated: place)
            }
        }
    }

    /// A value that names the other key does not open, though the ring holds both.
    @Test func aKeyIdCannotBeExchanged() {
        #expect(throws: SealError.notGenuine) {
            try rotated.open(rotated.currentHead + sealed.dropFirst(9), associated: place)
        }
    }

    @Test(arguments: [
        [], [1], [UInt8](repeating: 0, count: 97), [UInt8](repeating: 1, count: 96), Array("plain text".utf8),
        [UInt8](repeating: 2, count: 200),
    ])
    func refusesWhatIsNoSealedValue(bytes: [UInt8]) {
        #expect(throws: SealError.notGenuine) { try ring.open(bytes, associated: []) }
        #expect(throws: SealError.notGenuine) { try ring.rewrap(bytes, associated: []) }
    }

    @Test func refusesWeakKeys() {
        let weak = [UInt8](repeating: 1, count: 31)
        #expect(throws: KeyRingError.weakKey) { try KeyRing(key: weak) }
        #expect(throws: KeyRingError.weakKey) { try KeyRing(key: Self.new, previous: [Self.old, weak]) }
    }

    @Test func oneRingServesManyThreads() {
        DispatchQueue.concurrentPerform(iterations: 32) { index in
            let place = [UInt8(index)]
            for _ in 0..<50 {
                let mine = ring.seal(secret, associated: place)
                #expect((try? rotated.open(mine, associated: place)) == secret)
                let rewrapped = try? rotated.rewrap(mine, associated: place)
                #expect(rewrapped.flatMap { try? rotated.open($0, associated: place) } == secret)
            }
        }
    }

    @Test func wipingLeavesNothing() {
        var bytes = secret
        bytes.wipe()
        #expect(bytes.isEmpty)
    }
}
