import CConfinement
import Glibc

/// The files that a program may reach; it can reach no others, whatever their permissions are (landlock(7)).
package final class Landlock {
    /// What a program may do with a file, or with what is in a folder.
    package enum Access {
        case read
        case execute
        /// Reads and writes a device.
        case device
        /// Everything but executing, and creating devices.
        case write
    }

    /// The version of the kernel's interface; nil if there is none, or it is switched off.
    package static var version: Int? {
        let version = fm_landlock_version()
        return version > 0 ? Int(version) : nil
    }

    /// The rights as the kernel numbers them, and the version that introduced the last ones.
    private enum Right {
        static let execute: UInt64 = 1 << 0
        static let writeFile: UInt64 = 1 << 1
        static let readFile: UInt64 = 1 << 2
        static let readFolder: UInt64 = 1 << 3
        static let makeDevices: UInt64 = 1 << 6 | 1 << 11
        static let truncate: UInt64 = 1 << 14
        static let controlDevice: UInt64 = 1 << 15
        static let ofFiles = execute | writeFile | readFile | truncate | controlDevice

        /// All rights that this version can refuse.
        static func all(of version: Int) -> UInt64 {
            switch version {
            case ...1: (1 << 13) - 1
            case 2: (1 << 14) - 1
            case 3...4: (1 << 15) - 1
            default: (1 << 16) - 1
            }
        }
    }

    let descriptor: Int32
    private let rights: UInt64

    /// Permits nothing. From version 6 on, a program can send signals only to processes that it has started.
    package init() throws(ProcessError) {
        let version = Self.version ?? 0
        rights = Right.all(of: version)
        // Abstract sockets and signals.
        descriptor = fm_landlock_create(rights, version >= 6 ? 1 | 2 : 0)
        guard descriptor >= 0 else { throw ProcessError("landlock_create_ruleset") }
    }

    deinit { close(descriptor) }

    /// Permits access to a file, or to all that is below a folder. Does nothing if there is no such file.
    package func permit(_ access: Access, to path: String) throws(ProcessError) {
        let file = unsafe fm_open_path(path)
        if file < 0, errno == ENOENT || errno == ENOTDIR || errno == EACCES { return }
        guard file >= 0 else { throw ProcessError("open") }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw ProcessError("fstat") }
        var granted =
            switch access {
            case .read: Right.readFile | Right.readFolder
            case .execute: Right.readFile | Right.readFolder | Right.execute
            case .device: Right.readFile | Right.writeFile | Right.truncate | Right.controlDevice
            case .write: ~(Right.execute | Right.makeDevices | Right.controlDevice)
            }
        granted &= rights
        if status.st_mode & S_IFMT != S_IFDIR { granted &= Right.ofFiles }
        guard fm_landlock_permit(descriptor, file, granted) == 0 else { throw ProcessError("landlock_add_rule") }
    }
}
