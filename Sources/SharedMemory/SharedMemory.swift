import CSharedMemory
import Glibc
import Synchronization

/// Memory that all processes of the pool have in common: a memfd, mapped by each, of one fixed layout.
///
/// The supervisor makes it, and responders inherit its descriptor. It is an array of 64-bit words, each of which means
/// something by itself and changes in one atomic step. So there are no locks, and a process that is killed at any
/// instant leaves nothing locked or half written. It holds nothing that must outlive the machine's uptime.
///
/// Sendable because the addresses never change, and what is there are atomics.
@safe
package final class SharedMemory: @unchecked Sendable {
    /// The layout, in words; any change of it, or of what a word means, is a new `version`.
    enum Layout {
        /// "flowmem1": what the first word says.
        static let version: UInt64 = 0x666C_6F77_6D65_6D31
        /// The second word is the futex; the rest of its cache line is left free.
        static let futex = 1
        static let holders = 8..<264
        static let failures = 264..<(264 + 16_384)
        static let bytes = failures.upperBound * MemoryLayout<UInt64>.size
    }

    /// Close-on-exec; open as long as this object lives.
    package let descriptor: Int32
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let futex: UnsafeMutablePointer<Atomic<UInt32>>

    /// Makes new memory, all of it empty.
    package convenience init() throws(SharedMemoryError) {
        let descriptor = unsafe memfd_create("flow-manager", UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        guard descriptor >= 0 else { throw .system(call: "memfd_create", code: errno) }
        do throws(SharedMemoryError) {
            // Reserved now: no memory left for a page touched later would be a SIGBUS.
            let code = posix_fallocate(descriptor, 0, Layout.bytes)
            guard code == 0 else { throw .system(call: "posix_fallocate", code: code) }
            // Whoever has mapped memory that is then made shorter dies by SIGBUS.
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

    /// Takes over an inherited descriptor, from now on close-on-exec.
    ///
    /// Throws, and leaves the descriptor untouched, when it is not of such memory, or of another version's: a supervisor
    /// may be older than the responders that a deploy has it start. They do without it then.
    package convenience init(adopting descriptor: Int32) throws(SharedMemoryError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .system(call: "fstat", code: errno) }
        guard status.st_size == Layout.bytes, Self.hasFixedSize(descriptor) else { throw .foreign }
        guard try Self.version(in: descriptor) == Layout.version else { throw .foreign }
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { throw .system(call: "fcntl", code: errno) }
        try self.init(mapping: descriptor)
    }

    private init(mapping descriptor: Int32) throws(SharedMemoryError) {
        let address = unsafe mmap(nil, Layout.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .system(call: "mmap", code: errno)
        }
        self.descriptor = descriptor
        // Bound but not initialised: zeroes, and what other processes have written, are atomics' values already.
        unsafe words = address.bindMemory(to: Atomic<UInt64>.self, capacity: Layout.failures.upperBound)
        unsafe futex = UnsafeMutableRawPointer(words + Layout.futex).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    }

    deinit {
        unsafe munmap(words, Layout.bytes)
        close(descriptor)
    }

    /// False also for whatever cannot have seals.
    private static func hasFixedSize(_ descriptor: Int32) -> Bool {
        let seals = fcntl(descriptor, Int32(FM_GET_SEALS))
        return seals >= 0 && Int(seals) & FM_SEALS_OF_FIXED_SIZE == FM_SEALS_OF_FIXED_SIZE
    }

    private static func version(in descriptor: Int32) throws(SharedMemoryError) -> UInt64 {
        var version: UInt64 = 0
        guard unsafe pread(descriptor, &version, MemoryLayout<UInt64>.size, 0) == MemoryLayout<UInt64>.size else {
            throw .system(call: "pread", code: errno)
        }
        return version
    }

    /// What the word says now.
    func word(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < Layout.failures.upperBound)
        return unsafe words[index].load(ordering: .acquiring)
    }

    /// Puts `new` where `expected` is; false, and nothing done, when something else is there by now.
    func replace(_ expected: UInt64, by new: UInt64, at index: Int) -> Bool {
        precondition(index >= 0 && index < Layout.failures.upperBound)
        return unsafe words[index].compareExchange(
            expected: expected, desired: new, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// How often `signal()` was called, in any process; to be read before the look that may lead to a wait.
    var signals: UInt32 { unsafe futex.pointee.load(ordering: .acquiring) }

    /// Wakes one thread, of any process, that waits.
    func signal() {
        unsafe futex.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
        unsafe fm_wake_one(futex)
    }

    /// Waits for a signal after the first `seen` ones; may end early, for no reason.
    func awaitSignal(after seen: UInt32, atMost patience: Duration) {
        let (seconds, attoseconds) = patience.components
        var limit = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        unsafe fm_wait(futex, seen, &limit)
    }
}
