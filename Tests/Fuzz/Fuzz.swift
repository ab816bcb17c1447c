import Glibc

/// Called by libFuzzer with every input. `FUZZ_PARSER` names the parser under test; a trap ends the run.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    selectedParser(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

private let selectedParser: Parser = {
    let name = unsafe getenv("FUZZ_PARSER").map { unsafe String(cString: $0) } ?? ""
    guard let parser = parsers[name] else {
        preconditionFailure("FUZZ_PARSER must be one of \(parsers.keys.sorted())")
    }
    return parser
}()
