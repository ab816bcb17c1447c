import Testing

@testable import SharedMemory

@Suite struct ThrottlePolicyTests {
    @Test(
        arguments: [
            (0, 0), (1, 0), (5, 0), (6, 1), (7, 2), (8, 4), (9, 8), (10, 16), (11, 32), (12, 60), (13, 60), (255, 60),
        ] as [(Int, UInt64)])
    func theDelayDoublesUpToALimit(failures: Int, wait: UInt64) {
        #expect(ThrottlePolicy(free: 5).wait(after: failures) == wait)
    }

    @Test(
        arguments: [
            (8, 0, 4), (8, 1, 3), (8, 3, 1), (8, 4, 0), (8, 1000, 0), (20, 59, 1), (20, 60, 0),
            // 21 failures decay to 10 after one half-life, to 5 after two.
            (21, 600, 0), (5, 0, 0),
        ] as [(Int, UInt64, UInt64)])
    func theDelayStartsAtTheLastFailure(count: Int, age: UInt64, wait: UInt64) {
        let failures = Failures(count: count, last: 1_000)
        #expect(ThrottlePolicy(free: 5).wait(after: failures, at: 1_000 + age) == wait)
    }

    @Test func aClockThatIsBehindDoesNotExtendTheDelay() {
        #expect(ThrottlePolicy(free: 5).wait(after: Failures(count: 8, last: 1_000), at: 998) == 4)
    }

    @Test(
        arguments: [
            (21, 0, 21), (21, 599, 21), (21, 600, 10), (21, 1_199, 10), (21, 1_200, 5), (21, 2_400, 1), (21, 3_000, 0),
            (255, 4_799, 1), (255, 4_800, 0), (255, .max - 5_000, 0),
        ] as [(Int, UInt64, Int)])
    func failuresDecayByHalves(count: Int, age: UInt64, left: Int) {
        #expect(Failures(count: count, last: 1_000).left(at: 1_000 + age) == left)
    }
}

@Suite struct LoginThrottleTests {
    private let throttle: LoginThrottle

    init() throws {
        throttle = LoginThrottle(in: try SharedMemory())
    }

    private func keys(_ account: UInt64, from address: UInt64) -> LoginThrottle.Keys {
        // Distributed like digests.
        func digest(_ value: UInt64) -> UInt64 { (value &+ 1) &* 0x9E37_79B9_7F4A_7C15 }
        return LoginThrottle.Keys(
            account: digest(account), address: digest(1 << 32 | address),
            accountFromAddress: digest(2 << 32 | account << 16 | address))
    }

    /// Tries wrong passwords without a pause from `start` on, whenever it is admitted; returns the number of tries.
    private func guess(_ keys: LoginThrottle.Keys, from start: UInt64, seconds: UInt64) -> Int {
        var guesses = 0
        for now in start..<(start + seconds) {
            while guesses < 1_000, throttle.admit(keys, at: now) == 0 {
                throttle.countFailure(keys, at: now)
                guesses += 1
            }
        }
        return guesses
    }

    @Test func anAttackerIsThrottled() {
        // 6 at once, 5 more within 1 + 2 + 4 + 8 + 16 seconds, the next after 32 seconds, then one a minute.
        #expect(guess(keys(1, from: 1), from: 1_000, seconds: 63) == 11)
        #expect(guess(keys(1, from: 1), from: 1_063, seconds: 600) == 10)
    }

    @Test func anotherAddressIsNotThrottled() {
        _ = guess(keys(1, from: 1), from: 1_000, seconds: 600)
        #expect(throttle.admit(keys(1, from: 1), at: 1_600) > 0)
        #expect(throttle.admit(keys(1, from: 2), at: 1_600) == 0)
    }

    @Test func refusalsAreNotCounted() {
        let keys = keys(1, from: 1)
        _ = guess(keys, from: 1_000, seconds: 1)
        for _ in 0..<100 { #expect(throttle.admit(keys, at: 1_000) == 1) }
        #expect(throttle.admit(keys, at: 1_001) == 0)
    }

    @Test func theRightPasswordResetsTheDelays() {
        let keys = keys(1, from: 1)
        _ = guess(keys, from: 1_000, seconds: 10)
        throttle.clearFailures(keys)
        #expect(throttle.admit(keys, at: 1_010) == 0)
    }

    @Test func anAddressThatTriesManyAccountsIsThrottled() {
        let guesses = (1...100).reduce(0) { $0 + guess(keys(UInt64($1), from: 1), from: 1_000, seconds: 1) }
        #expect(guesses == 21)
        #expect(throttle.admit(keys(200, from: 1), at: 1_000) == 1)
        #expect(throttle.admit(keys(200, from: 2), at: 1_000) == 0)
    }

    @Test func anAttackersOwnAccountDoesNotClearTheAddress() {
        for account: UInt64 in 1...100 { _ = guess(keys(account, from: 1), from: 1_000, seconds: 1) }
        throttle.clearFailures(keys(300, from: 1))
        #expect(throttle.admit(keys(200, from: 1), at: 1_000) > 0)
    }

    @Test func manyAddressesAgainstOneAccountAreThrottledButNotItsOwner() {
        for address: UInt64 in 1...20 { _ = guess(keys(1, from: address), from: 1_000, seconds: 1) }
        #expect(guess(keys(1, from: 30), from: 1_000, seconds: 1) == 2)
        #expect(throttle.admit(keys(1, from: 31), at: 1_000) == 0)
        #expect(guess(keys(2, from: 31), from: 1_000, seconds: 1) == 6)
    }

    /// Known before the lookup: the address, and the name as it was sent.
    @Test func aThrottledNameOrAddressIsRecognizedBeforeTheLookup() {
        let (email, username): (UInt64, UInt64) = (1 << 40, 2 << 40)
        func keys(named name: UInt64) -> LoginThrottle.Keys {
            LoginThrottle.Keys(account: 3 << 40, address: 4 << 40, accountFromAddress: 5 << 40, nameFromAddress: name)
        }
        func delay(_ address: UInt64?, _ name: UInt64) -> UInt64 {
            throttle.delay(forAddress: address, nameFromAddress: name, at: 1_000)
        }
        for _ in 0..<6 { throttle.countFailure(keys(named: email), at: 1_000) }
        for _ in 0..<3 {
            // Reading the delay does not claim a try.
            #expect(delay(4 << 40, email) == 1)
            #expect(delay(4 << 40, username) == 0)
        }
        #expect(throttle.admit(keys(named: username), at: 1_000) == 1, "both names belong to one account")
        throttle.clearFailures(keys(named: email))
        #expect(delay(4 << 40, email) == 0)
        for _ in 0..<15 { throttle.countFailure(keys(named: username), at: 1_000) }
        #expect(delay(4 << 40, email) == 1)
        #expect(delay(nil, email) == 0)
    }

    @Test func aRefusedTryIsNotConsumed() {
        let throttledAddress = keys(1, from: 1)
        for account: UInt64 in 1...100 { _ = guess(keys(account, from: 1), from: 1_000, seconds: 1) }
        for _ in 0..<5 { throttle.countFailure(throttledAddress, at: 1_000) }
        // After the delay of the account, within that of the address: refused, but the try of the account is kept.
        #expect(throttle.admit(throttledAddress, at: 1_030) > 0)
        #expect(throttle.admit(throttledAddress, at: 1_060) == 0)
    }
}
