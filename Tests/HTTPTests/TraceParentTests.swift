import HTTP
import Testing

@Suite struct TraceParentTests {
    private static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test(arguments: [valid, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff"])
    func aValidHeaderNamesTheTrace(text: String) throws {
        let trace = try #require(TraceParent(text))
        #expect(trace.text == text && trace.traceID == "0af7651916cd43dd8448eb211c80319c")
    }

    /// What a later version adds is not known, so that only its trace, parent and sampled flag are taken (section 4).
    @Test(arguments: ["", "-", "-what-the-future-will-be-like", "-é"])
    func aLaterVersionIsReadAsVersion00(rest: String) {
        for (version, flags, known) in [("01", "01", "01"), ("cc", "00", "00"), ("fe", "ff", "01"), ("0f", "02", "00")]
        {
            let ids = "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
            #expect(TraceParent(version + ids + flags + rest)?.text == "00" + ids + known, "\(version) \(flags)")
        }
    }

    @Test(arguments: [
        "", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", " \(valid)", "\(valid) ", "\(valid)-00",
        "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "00-0af7651916cd43dd8448eb211c8031é-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.", "01-\(valid)",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "0A-\(valid.dropFirst(3))",
        "ff-\(valid.dropFirst(3))-more",
    ])
    func anyOtherHeaderIsIgnored(text: String) {
        #expect(TraceParent(text) == nil)
        #expect(Request(method: "GET", target: "/", headers: ["traceparent": text]).trace == nil)
    }

    @Test func twoHeadersAreIgnored() {
        func request(_ headers: Headers) -> Request { Request(method: "GET", target: "/", headers: headers) }
        #expect(request(["traceparent": Self.valid]).trace?.text == Self.valid)
        #expect(request(["traceparent": Self.valid, "traceparent": Self.valid]).trace == nil)
        #expect(request([:]).trace == nil)
    }
}
