import System
import Testing

@testable import SharedMemory

@Suite struct SpentTokensTests {
    private let start = Monotonic(sinceBoot: .seconds(1_000))

    @Test func aTokenIsSpentOnceByAllProcesses() throws {
        let memory = try SharedMemory()
        let (one, other) = (SpentTokens(in: memory), SpentTokens(in: try memory.mappedAgain()))
        #expect(one.spend(1 << 40, at: start))
        #expect(!one.spend(1 << 40, at: start))
        #expect(!other.spend(1 << 40, at: start + .seconds(479)))
        #expect(other.spend(2 << 40, at: start))
    }

    /// Tokens are refused rather than forgotten while they are valid.
    @Test func refusesTokensWhileItsSlotsAreInUse() throws {
        let tokens = SpentTokens(in: try SharedMemory())
        for id in 1...UInt64(SpentTokens.capacity) { #expect(tokens.spend(id << 32, at: start)) }
        #expect(!tokens.spend(1 << 60, at: start + .seconds(479)))
        #expect(tokens.spend(1 << 60, at: start + .seconds(480)))
    }
}
