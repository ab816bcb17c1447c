import Testing

@testable import SharedMemory

@Suite struct TokenBucketsTests {
    private let buckets: TokenBuckets

    init() throws {
        buckets = TokenBuckets(in: try SharedMemory())
    }

    /// How many of that many calls are admitted.
    private func take(_ count: Int, from key: UInt64, limit: Int = 10, at now: UInt64) -> Int {
        (0..<count).count { _ in buckets.take(from: key, limit: limit, at: now).isAdmitted }
    }

    @Test(arguments: [0, 1, .max, 1 << 40, UInt64(TokenBuckets.rows) - 1])
    func admitsAsManyCallsAsTheLimitAtOnce(key: UInt64) {
        #expect(take(25, from: key, at: 1_000) == 10)
    }

    /// Also limits by which a minute cannot be divided.
    @Test(arguments: [1, 7, 11, 600, 999]) func anyLimitIsExact(limit: Int) {
        #expect(take(2_000, from: 7, limit: limit, at: 1_000) == limit)
        #expect(take(2_000, from: 7, limit: limit, at: 61_000) == limit)
    }

    @Test func thereIsALargestLimit() {
        let first = buckets.take(from: 7, limit: TokenBuckets.maximumCalls, at: 1_000)
        #expect(first == .init(isAdmitted: true, remaining: TokenBuckets.maximumCalls - 1, reset: 1))
    }

    @Test func refillsEvenly() {
        #expect(take(10, from: 7, at: 1_000) == 10)
        #expect(take(1, from: 7, at: 6_999) == 0)
        #expect(take(5, from: 7, at: 7_000) == 1)
        #expect(take(5, from: 7, at: 19_000) == 2)
        #expect(take(25, from: 7, at: 200_000) == 10, "never more than the limit")
    }

    @Test func tellsWhatIsLeftAndWhenMoreComes() {
        let first = buckets.take(from: 7, limit: 10, at: 1_000)
        #expect(first == TokenBuckets.Taken(isAdmitted: true, remaining: 9, reset: 6))
        #expect(take(8, from: 7, at: 1_000) == 8)
        #expect(buckets.take(from: 7, limit: 10, at: 2_000) == .init(isAdmitted: true, remaining: 0, reset: 5))
        #expect(buckets.take(from: 7, limit: 10, at: 4_500) == .init(isAdmitted: false, remaining: 0, reset: 3))
    }

    @Test func aRefusedCallTakesNothing() {
        #expect(take(10, from: 7, at: 1_000) == 10)
        #expect(take(1_000, from: 7, at: 1_000) == 0)
        #expect(take(2, from: 7, at: 7_000) == 1)
    }

    /// A thread may have read the clock before another that used the bucket.
    @Test func anEarlierReadingOfTheClockGivesNoMore() {
        #expect(take(25, from: 7, at: 31_000) == 10)
        #expect(take(25, from: 7, at: 30_000) == 0)
    }

    /// The stored time wraps around, after 12.7 days.
    @Test(arguments: 0..<4) func aLongUptimeChangesNothing(days: UInt64) {
        let wrap = (UInt64(1) << 40) / 1_000
        let start = wrap * days + wrap - 30_000
        #expect(take(25, from: 7, at: start) == 10)
        #expect(take(25, from: 7, at: start + 59_999) == 9)
        #expect(take(25, from: 7, at: start + wrap / 2) == 10, "a full bucket is not taken for an empty one")
    }

    /// The time of a bucket wraps around, so one of that long ago would look like one in use.
    @Test func aBucketOfLongAgoIsFull() {
        let wrap = (UInt64(1) << 40) / 1_000
        #expect(take(25, from: 7, at: 1_000) == 10)
        #expect(take(25, from: 7, at: wrap + 2_000) == 10)
    }

    /// Other keys have used its row all the time, from slots before it and after it.
    @Test func aBucketOfLongAgoIsFullInARowInUse() {
        let wrap = (UInt64(1) << 40) / 1_000
        let keys = [1, 2, 3].map { $0 << 40 | 7 } as [UInt64]
        for key in keys { #expect(take(25, from: key, at: 1_000) == 10) }
        for minute in 1...(wrap / 60_000) {
            for key in [keys[0], keys[2]] { #expect(take(1, from: key, at: minute * 60_000) == 1) }
        }
        #expect(take(25, from: keys[1], at: wrap + 2_000) == 10)
    }

    /// A row that was not used for long is emptied once.
    @Test func concurrentCallsAfterALongTimeGetNoMore() {
        for round in 1...200 as ClosedRange<UInt64> {
            let admitted = Tally()
            onThreads(4) { _ in admitted.add(take(10, from: 7, at: round * 600_000)) }
            #expect(admitted.count == 10)
        }
    }

    @Test func aGuestThatBecomesAUserKeepsTheBucket() {
        #expect(take(25, from: 7, limit: 10, at: 1_000) == 10)
        #expect(take(200, from: 7, limit: 100, at: 1_000) == 0)
        #expect(take(200, from: 7, limit: 100, at: 31_000) == 50)
    }

    @Test func bucketsOfOneRowAreSeparate() {
        let keys = (1..<UInt64(TokenBuckets.rowLength)).map { $0 << 40 | 5 }
        for key in keys { #expect(take(11, from: key, at: 1_000) == 10) }
    }

    /// A flood of new keys displaces buckets that are nearly full, not one that is empty.
    @Test func theFullestBucketIsDisplaced() {
        #expect(take(10, from: 1 << 40 | 5, at: 1_000) == 10)
        for key in 2...UInt64(100) { #expect(take(1, from: key << 40 | 5, at: 1_000) == 1) }
        #expect(take(1, from: 1 << 40 | 5, at: 1_000) == 0)
    }

    @Test func concurrentCallsGetNoMore() {
        let admitted = Tally()
        onThreads(4) { _ in admitted.add(take(10, from: 7, at: 1_000)) }
        #expect(admitted.count == 10)
    }
}
