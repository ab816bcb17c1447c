import Glibc
import System
import Testing

@Suite struct DurationUnitsTests {
    @Test func millisecondsAreRoundedUp() {
        #expect(Duration.microseconds(1).milliseconds == 1)
        #expect(Duration.seconds(2).milliseconds == 2_000)
        #expect(Duration.zero.milliseconds == 0)
    }

    @Test func microsecondsAreRoundedDown() {
        #expect(Duration.nanoseconds(1_999).microseconds == 1)
        #expect((Duration.seconds(2) + .microseconds(3)).microseconds == 2_000_003)
        #expect(Duration.microseconds(1_500).fractionalMilliseconds == 1.5)
    }

    @Test func timeoutsOfPollAreNeverNegative() {
        #expect(Duration.milliseconds(-5).pollTimeout == 0)
        #expect(Duration.nanoseconds(1).pollTimeout == 1)
        #expect(Duration.seconds(Int64.max / 2).pollTimeout == 2_000_000_000)
    }

    @Test func kernelTimesKeepTheFraction() {
        let duration = Duration.seconds(3) + .nanoseconds(4_005)
        let (spec, val) = (duration.timespec, duration.timeval)
        #expect(spec.tv_sec == 3 && spec.tv_nsec == 4_005)
        #expect(val.tv_sec == 3 && val.tv_usec == 4)
    }
}
