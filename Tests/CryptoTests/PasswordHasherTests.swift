import Crypto
import SharedMemory
import Testing

@Suite struct PasswordHasherTests {
    static let cheap = PasswordHasher.Cost(passes: 1, kibibytes: 8)
    let slots: HashingSlots
    let hasher: PasswordHasher

    init() throws {
        slots = HashingSlots(Slots(in: try SharedMemory(), limit: 2), waiting: 100)
        hasher = PasswordHasher(slots: slots, cost: Self.cheap)
    }

    @Test func hashesWithTheDefaultCostAsAPHCString() throws {
        let hasher = PasswordHasher(slots: slots)
        let stored = try hasher.hash(Array("correct horse".utf8))
        #expect(stored.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(try hasher.verify(Array("correct horse".utf8), against: stored))
        #expect(!hasher.needsRehash(stored))
    }

    @Test func verifiesOnlyTheRightPassword() throws {
        let stored = try hasher.hash(Array("Test1234!".utf8))
        #expect(try hasher.verify(Array("Test1234!".utf8), against: stored))
        #expect(try !hasher.verify(Array("Test1234?".utf8), against: stored))
        #expect(try !hasher.verify(Array("test1234!".utf8), against: stored))
        #expect(try !hasher.verify(Array("Test1234! ".utf8), against: stored))
    }

    /// A hash by the reference implementation, with `/` and the byte 0xff in its salt.
    @Test func verifiesHashesOfOtherPrograms() throws {
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0c2Fs/w$jH/pT6ByzxylcShD8/0Ane8eLxrwUOZhOQrr0aFeqv8"
        #expect(try hasher.verify(Array("password".utf8), against: stored))
        #expect(try !hasher.verify(Array("passwore".utf8), against: stored))
    }

    @Test func everyHashHasItsOwnSalt() throws {
        let password = Array("Test1234!".utf8)
        #expect(try hasher.hash(password) != hasher.hash(password))
    }

    @Test func textIsHashedInOneForm() throws {
        let (composed, decomposed) = ("p\u{E4}ssword", "pa\u{308}ssword")
        let stored = try hasher.hash(decomposed)
        #expect(try hasher.verify(Array(composed.utf8), against: stored))
        #expect(try hasher.match(composed, against: stored) == .normalized)
        #expect(try hasher.match(decomposed, against: stored) == .normalized)
        #expect(try hasher.match("password", against: stored) == .none)
        let old = try hasher.hash(Array(decomposed.utf8))
        #expect(try hasher.match(decomposed, against: old) == .asSent)
        #expect(try hasher.match(composed, against: old) == .none)
        #expect(try hasher.match(decomposed, against: nil) == .none)
    }

    /// Passwords are not truncated, neither at 72 bytes nor at a NUL.
    @Test(arguments: [
        [UInt8](repeating: 0x61, count: 8), [UInt8](repeating: 0x61, count: 1024), Array("🐎🐎".utf8),
        Array("before\0after".utf8), [UInt8](repeating: 0xff, count: 73),
    ])
    func everyByteIsSignificant(password: [UInt8]) throws {
        let stored = try hasher.hash(password)
        #expect(try hasher.verify(password, against: stored))
        var other = password
        other[other.count - 1] ^= 1
        #expect(try !hasher.verify(other, against: stored))
    }

    @Test(arguments: [0, 7, 1025])
    func refusesOtherLengths(count: Int) throws {
        let password = [UInt8](repeating: 0x61, count: count)
        #expect(throws: PasswordError.length) { try hasher.hash(password) }
        #expect(try !hasher.verify(password, against: nil))
    }

    @Test(arguments: [
        "", "\0", "*", "password", "$2b$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$", "$$$$$",
        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$", "$argon2id$v=19$m=8,t=1,p=1$$AAAA",
        "$argon2id$v=19$m=0,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "$argon2id$v=19$m=-8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=2$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ])
    func invalidHashesMatchNoPassword(stored: String) throws {
        #expect(try !hasher.verify(Array("password".utf8), against: stored))
        #expect(hasher.needsRehash(stored))
    }

    @Test func aMissingHashMatchesNoPassword() throws {
        #expect(try !hasher.verify(Array("password".utf8), against: nil))
    }

    @Test func needsARehashWhenTheCostChanges() throws {
        let stored = try hasher.hash(Array("Test1234!".utf8))
        let costlier = PasswordHasher(slots: slots, cost: PasswordHasher.Cost(passes: 2, kibibytes: 16))
        #expect(!hasher.needsRehash(stored))
        #expect(costlier.needsRehash(stored))
        #expect(try costlier.verify(Array("Test1234!".utf8), against: stored))
    }

    @Test func isBusyWithoutAFreeSlot() throws {
        let slots = HashingSlots(Slots(in: try SharedMemory(), limit: 1), waiting: 0)
        let hasher = PasswordHasher(slots: slots, cost: Self.cheap)
        try slots.withSlot {
            #expect(throws: PasswordError.busy) { try hasher.hash(Array("Test1234!".utf8)) }
            #expect(throws: PasswordError.busy) { try hasher.verify(Array("Test1234!".utf8), against: nil) }
            // A password of invalid length takes a slot too, otherwise such failures would be free.
            #expect(throws: PasswordError.busy) { try hasher.verify(Array("x".utf8), against: nil) }
        }
        _ = try hasher.hash(Array("Test1234!".utf8))
    }

    /// The example of RFC 9106, section 5.3 has a secret and associated data, which libsodium does not support. This is
    /// an example of libsodium.
    @Test func verifiesAPublishedHash() throws {
        let hasher = PasswordHasher(slots: slots)
        let password = "^T5H$JYt39n%K*j:W]!1s?vg!:jGi]Ax?..l7[p0v:1jHTpla9;]bUN;?bWyCbtqg "
        let stored = "$argon2id$v=19$m=4096,t=19,p=1$PkEgMTYtYnl0ZXMgc2FsdA$ltB/ue1kPtBMBGfsysMpPigE6hiNEKZ9vs8vLNVDQGA"
        #expect(try hasher.verify(Array(password.utf8), against: stored))
        #expect(try !hasher.verify(Array(password.dropLast().utf8), against: stored))
        #expect(hasher.needsRehash(stored))
    }
}
