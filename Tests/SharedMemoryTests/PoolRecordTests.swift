import Testing

@testable import SharedMemory

@Suite struct PoolRecordTests {
    @Test func keepsTheLargestValue() throws {
        let memory = try SharedMemory()
        let record = PoolRecord(in: memory)
        #expect(PoolRecord.Value.allCases.allSatisfy { record[$0] == nil })
        for number in [3, 5, 0, -1] { record.raise(.maxListenQueue, to: number) }
        record.raise(.maxActiveThreads, to: 0)
        #expect(PoolRecord(in: memory)[.maxListenQueue] == 5)
        #expect(record[.maxActiveThreads] == 0)
        #expect(record[.maxActiveProcesses] == nil)
    }
}
