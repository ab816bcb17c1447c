import CSharedMemory
import Glibc
import Synchronization
import System

/// Memory that all processes of the pool share: a memfd of one fixed layout, which each process maps.
///
/// The supervisor creates it, and its children inherit the descriptor; without a supervisor it is a file. It is an
/// array of 64-bit words, each of which has a meaning by itself and changes in one atomic step. So there are no locks,
/// and a process that is killed at any instant cannot leave a lock or a half-written value. It contains nothing that
/// must survive a reboot.
///
/// Sendable because the addresses never change, and the words are atomics.
@safe
package final class SharedMemory: @unchecked Sendable {
    /// The layout, in words; any change of it, or of the meaning of a word, requires a new `version`.
    enum Layout {
        /// "flowmem6", the value of the first word.
        static let version: UInt64 = 0x666C_6F77_6D65_6D36
        /// The second word is the futex; the rest of its cache line is unused.
        static let futex = 1
        static let holders = 8..<264
        static let holderClients = after(holders, holders.count)
        static let failures = after(holderClients, FailureTable.rows * FailureTable.rowLength)
        static let calls = after(failures, BegunCalls.rows * BegunCalls.rowLength)
        static let buckets = after(calls, TokenBuckets.rows * TokenBuckets.rowLength)
        static let counters = after(buckets, CounterTable.capacity * CounterTable.width)
        static let histograms = after(counters, HistogramTable.capacity * HistogramTable.width)
        static let processes = after(histograms, Scoreboard.processCapacity * Scoreboard.processWidth)
        static let threads = after(processes, Scoreboard.threadCapacity * Scoreboard.threadWidth)
        static let spentTokens = after(threads, SpentTokens.capacity)
        static let words = spentTokens.upperBound
        static let bytes = words * MemoryLayout<UInt64>.size

        private static func after(_ former: Range<Int>, _ count: Int) -> Range<Int> {
            former.upperBound..<(former.upperBound + count)
        }
    }

    /// What descriptors of such memory are shown as, in `/proc/PID/fd`.
    package static let descriptorLink = "/memfd:\(name) (deleted)"
    private static let name = "flow-manager"

    /// Close-on-exec; open as long as this object exists.
    package let descriptor: Int32
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let futex: UnsafeMutablePointer<Atomic<UInt32>>

    /// Creates new memory, all of it zero.
    package convenience init() throws(SharedMemoryError) {
        let descriptor = unsafe memfd_create(Self.name, UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        guard descriptor >= 0 else { throw .system(call: "memfd_create", code: errno) }
        do throws(SharedMemoryError) {
            // Reserved now: if no memory were left for a page on its first access, that would be a SIGBUS.
            let code = posix_fallocate(descriptor, 0, Layout.bytes)
            guard code == 0 else { throw .system(call: "posix_fallocate", code: code) }
            // If the memory were made shorter, every process that has mapped it would die of SIGBUS.
            guard fcntl(descriptor, Int32(FM_ADD_SEALS), Int32(FM_SEALS_OF_FIXED_SIZE)) == 0 else {
                throw .system(call: "fcntl", code: errno)
            }
            try self.init(mapping: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        unsafe words[0].store(Layout.version, ordering: .releasing)
    }

    /// Adopts an inherited descriptor and makes it close-on-exec.
    ///
    /// Throws, and leaves the descriptor unchanged, if it is not such memory or has another version: during a deploy a
    /// supervisor may be older than the responders that it starts. They then work without shared memory.
    package convenience init(adopting descriptor: Int32) throws(SharedMemoryError) {
        try Self.check(descriptor)
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { throw .system(call: "fcntl", code: errno) }
        try self.init(mapping: descriptor)
    }

    /// Opens the memory of another pool, by the path of a descriptor of it (`/proc/PID/fd/N`), to read it only. Throws
    /// if that is not such memory or has another version.
    package convenience init(reading path: String) throws(SharedMemoryError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", code: errno) }
        do throws(SharedMemoryError) {
            try Self.check(descriptor)
            try self.init(mapping: descriptor, protection: PROT_READ)
        } catch {
            close(descriptor)
            throw error
        }
    }

    init(mapping descriptor: Int32, protection: Int32 = PROT_READ | PROT_WRITE) throws(SharedMemoryError) {
        let address = unsafe mmap(nil, Layout.bytes, protection, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .system(call: "mmap", code: errno)
        }
        self.descriptor = descriptor
        // Bound but not initialised: zeros, and what other processes have written, are already values of atomics.
        unsafe words = address.bindMemory(to: Atomic<UInt64>.self, capacity: Layout.words)
        unsafe futex = UnsafeMutableRawPointer(words + Layout.futex).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    }

    deinit {
        unsafe munmap(words, Layout.bytes)
        close(descriptor)
    }

    /// Throws unless the descriptor is memory that this version has created.
    private static func check(_ descriptor: Int32) throws(SharedMemoryError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .system(call: "fstat", code: errno) }
        guard status.st_size == Layout.bytes, hasFixedSize(descriptor) else { throw .incompatible }
        guard try version(in: descriptor) == Layout.version else { throw .incompatible }
    }

    /// False also for a descriptor that cannot have seals.
    private static func hasFixedSize(_ descriptor: Int32) -> Bool {
        let seals = fcntl(descriptor, Int32(FM_GET_SEALS))
        return seals >= 0 && Int(seals) & FM_SEALS_OF_FIXED_SIZE == FM_SEALS_OF_FIXED_SIZE
    }

    static func version(in descriptor: Int32) throws(SharedMemoryError) -> UInt64 {
        var version: UInt64 = 0
        guard unsafe pread(descriptor, &version, MemoryLayout<UInt64>.size, 0) == MemoryLayout<UInt64>.size else {
            throw .system(call: "pread", code: errno)
        }
        return version
    }

    /// The current value of the word.
    func word(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < Layout.words)
        return unsafe words[index].load(ordering: .acquiring)
    }

    /// Replaces `expected` by `new`; false, without a change, when the word has another value by now.
    func replace(_ expected: UInt64, by new: UInt64, at index: Int) -> Bool {
        precondition(index >= 0 && index < Layout.words)
        return unsafe words[index].compareExchange(
            expected: expected, desired: new, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Adds to the word, which wraps around.
    func add(_ amount: UInt64, at index: Int) {
        precondition(index >= 0 && index < Layout.words)
        unsafe words[index].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Sets the word, which only this process changes.
    func set(_ value: UInt64, at index: Int) {
        precondition(index >= 0 && index < Layout.words)
        unsafe words[index].store(value, ordering: .relaxed)
    }

    /// Sets the word after all words that were set before.
    func publish(_ value: UInt64, at index: Int) {
        precondition(index >= 0 && index < Layout.words)
        unsafe words[index].store(value, ordering: .releasing)
    }

    /// Raises the word to the value if it is less.
    func raise(to value: UInt64, at index: Int) {
        precondition(index >= 0 && index < Layout.words)
        unsafe words[index].max(value, ordering: .relaxed)
    }

    /// The number of calls of `signal()` in all processes. Read it before the check that may lead to a wait.
    var signals: UInt32 { unsafe futex.pointee.load(ordering: .acquiring) }

    /// Wakes one waiting thread of any process.
    func signal() {
        unsafe futex.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
        unsafe fm_wake_one(futex)
    }

    /// Waits for a signal after the first `seen` ones; may return without one (spurious wake-up).
    func awaitSignal(after seen: UInt32, atMost timeout: Duration) {
        var limit = timeout.timespec
        unsafe fm_wait(futex, seen, &limit)
    }
}
