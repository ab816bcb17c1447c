import Glibc

/// What libFuzzer calls with every input. `FUZZ_PARSER` names the parser that gets it; a trap ends the run.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    chosen(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

private let chosen: Parser = {
    let name = unsafe getenv("FUZZ_PARSER").map { unsafe String(cString: $0) } ?? ""
    guard let parser = parsers[name] else {
        preconditionFailure("FUZZ_PARSER must be one of \(parsers.keys.sorted())")
    }
    return parser
}()
