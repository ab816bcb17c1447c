import CSystem
import Glibc

/// The attributes and file actions of one `posix_spawn`, freed with this object.
///
/// The sources of the descriptor map are first duplicated above every target. So no `dup2` overwrites a source that a
/// later one needs, and no `dup2` has equal source and target, which would leave close-on-exec set.
@safe final class SpawnPlan {
    private var attributes = posix_spawnattr_t()
    private var actions = unsafe posix_spawn_file_actions_t()
    private var lifted: [Int32] = []

    init(_ descriptors: [Int32: Int32], blocking signals: [Signal]) throws(ProcessError) {
        unsafe posix_spawnattr_init(&attributes)
        unsafe posix_spawn_file_actions_init(&actions)
        setAttributes(blocking: signals)
        try map(descriptors)
    }

    deinit {
        for descriptor in lifted { close(descriptor) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe posix_spawnattr_destroy(&attributes)
    }

    func spawn(
        _ executable: String, arguments: [String], environment: [String]
    ) throws(ProcessError) -> ChildProcess {
        var id: pid_t = 0
        let code = unsafe withCStrings(arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe posix_spawn(&id, executable, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw ProcessError("posix_spawn", code: code) }
        return ChildProcess(id: id)
    }

    private func setAttributes(blocking signals: [Signal]) {
        var blocked = sigset_t(signals)
        var all = sigset_t.all
        unsafe posix_spawnattr_setsigmask(&attributes, &blocked)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    private func map(_ descriptors: [Int32: Int32]) throws(ProcessError) {
        let first = max(descriptors.keys.max() ?? 0, 2) + 1
        for target in 0..<first {
            guard let source = descriptors[target] else {
                if target <= 2 {
                    unsafe posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
                } else {
                    unsafe posix_spawn_file_actions_addclose(&actions, target)
                }
                continue
            }
            let copy = fcntl(source, F_DUPFD_CLOEXEC, first)
            guard copy >= 0 else { throw ProcessError("fcntl") }
            lifted.append(copy)
            unsafe posix_spawn_file_actions_adddup2(&actions, copy, target)
        }
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, first)
    }
}

/// Calls `body` with a null-terminated array of C strings.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
        // The terminating nil makes it non-empty, so there is a base address.
        unsafe body(buffer.baseAddress.unsafelyUnwrapped)
    }
}
