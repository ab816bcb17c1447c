import CConfinement
import Glibc

/// A file without a name in memory (memfd_create(2)), to hand bytes to another process, or to get some from it. It is
/// closed with this object.
package final class MemoryFile: Sendable {
    package let descriptor: Int32

    /// An empty file.
    package init() throws(ProcessError) {
        descriptor = fm_memory_file()
        guard descriptor >= 0 else { throw ProcessError("memfd_create") }
    }

    /// A file with that content, which cannot be changed, to be read from its beginning.
    package convenience init(_ bytes: [UInt8]) throws(ProcessError) {
        try self.init()
        guard Files.write(bytes, to: descriptor), lseek(descriptor, 0, SEEK_SET) == 0,
            fm_seal(descriptor) == 0
        else { throw ProcessError("write") }
    }

    deinit { close(descriptor) }

    /// The content, at most `limit` bytes.
    package func bytes(limit: Int) throws(ProcessError) -> [UInt8] {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw ProcessError("lseek") }
        return try Files.read(descriptor, limit: limit)
    }
}
