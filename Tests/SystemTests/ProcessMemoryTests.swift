import Glibc
import System
import Testing

@Suite struct ProcessMemoryTests {
    @Test func residentMemoryGrowsWithWhatIsUsed() throws {
        let before = try #require(ProcessMemory.resident(of: getpid()))
        let bytes = [UInt8](repeating: 1, count: 64 << 20)
        let after = try #require(ProcessMemory.resident(of: getpid()))
        #expect(after - before >= 32 << 20 && !bytes.isEmpty)
        #expect(ProcessMemory.resident(of: 0) == nil)
    }
}
