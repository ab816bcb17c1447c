import HTTP
import Testing

@Suite struct RetryAfterTests {
    @Test(
        arguments: [
            ("0", .zero), ("120", .seconds(120)), ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", .zero), ("", nil), ("-1", nil), ("1.5", nil), ("soon", nil),
            ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("Sun, 31 Feb 1994 08:49:37 GMT", nil), ("1 2 3 4 5 6", nil),
        ] as [(String, Duration?)])
    func readsSecondsAndDates(text: String, expected: Duration?) {
        // 1994-11-06T08:49:00Z
        #expect(RetryAfter.duration(text, now: 784_111_740) == expected)
    }
}
