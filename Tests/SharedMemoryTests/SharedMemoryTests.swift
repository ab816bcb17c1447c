import Glibc
import Testing

@testable import SharedMemory

@Suite struct SharedMemoryTests {
    @Test func twoMappingsShareTheirContents() throws {
        let memory = try SharedMemory()
        let other = try memory.mappedAgain()
        let table = FailureTable(in: memory)
        let same = FailureTable(in: other)
        table.countFailure(of: 7, at: 100)
        #expect(same.failures(of: 7) == Failures(count: 1, last: 100))
        same.countFailure(of: 7, at: 101)
        #expect(table.failures(of: 7) == Failures(count: 2, last: 101))
    }

    @Test func aSignalEndsAWaitInAnotherMapping() throws {
        let memory = try SharedMemory()
        let sides = [memory, try memory.mappedAgain()]
        let turns = Tally()
        let duration = ContinuousClock().measure {
            onThreads(2) { thread in
                for turn in 0..<100 where turn % 2 == thread {
                    while turns.count != turn {
                        let seen = sides[thread].signals
                        if turns.count != turn { sides[thread].awaitSignal(after: seen, atMost: .seconds(1)) }
                    }
                    turns.add()
                    sides[thread].signal()
                }
            }
        }
        #expect(duration < .seconds(20))
    }

    @Test func contentsOutliveAMapping() throws {
        let memory = try SharedMemory()
        FailureTable(in: try memory.mappedAgain()).countFailure(of: 7, at: 100)
        #expect(FailureTable(in: memory).failures(of: 7).count == 1)
    }

    @Test func anotherProcessReadsItByItsDescriptor() throws {
        let memory = try SharedMemory()
        FailureTable(in: memory).countFailure(of: 7, at: 100)
        let path = "/proc/self/fd/\(memory.descriptor)"
        #expect(FailureTable(in: try SharedMemory(reading: path)).failures(of: 7).count == 1)
        #expect(throws: SharedMemoryError.incompatible) { try SharedMemory(reading: "/proc/self/exe") }
        #expect(throws: SharedMemoryError.system(call: "open", code: ENOENT)) { try SharedMemory(reading: "/none") }
    }

    @Test func itsSizeIsFixed() throws {
        let memory = try SharedMemory()
        for size in [0, SharedMemory.Layout.bytes - 1, SharedMemory.Layout.bytes + 1] {
            #expect(ftruncate(memory.descriptor, size) == -1)
            #expect(errno == EPERM)
        }
    }

    @Test func descriptorsAreClosedOnExec() throws {
        let memory = try SharedMemory()
        let other = try memory.mappedAgain()
        withExtendedLifetime((memory, other)) {
            for descriptor in [memory.descriptor, other.descriptor] {
                #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
            }
        }
    }

    @Test func memoryOfAnotherVersionIsRefused() throws {
        let memory = try SharedMemory()
        let next = SharedMemory.Layout.version + 1
        #expect(memory.replace(SharedMemory.Layout.version, by: next, at: 0))
        #expect(throws: SharedMemoryError.incompatible) { try memory.mappedAgain() }
    }

    @Test(arguments: [0, SharedMemory.Layout.bytes])
    func aFileIsRefusedAndNotClosed(size: Int) throws {
        guard let stream = unsafe tmpfile() else { throw SharedMemoryError.system(call: "tmpfile", code: errno) }
        defer { unsafe fclose(stream) }
        let file = unsafe fileno(stream)
        try #require(ftruncate(file, size) == 0)
        #expect(throws: SharedMemoryError.incompatible) { try SharedMemory(adopting: file) }
        #expect(fcntl(file, F_GETFD) == 0)
    }

    @Test func anInvalidDescriptorIsRefused() {
        #expect(throws: SharedMemoryError.system(call: "fstat", code: EBADF)) { try SharedMemory(adopting: -1) }
    }
}

extension SharedMemory {
    /// The same memory at another address, as in another process.
    func mappedAgain() throws -> SharedMemory {
        let duplicate = dup(descriptor)
        do {
            return try SharedMemory(adopting: duplicate)
        } catch {
            close(duplicate)
            throw error
        }
    }
}
