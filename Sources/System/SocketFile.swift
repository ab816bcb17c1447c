import CSystem
import Glibc

/// The file of a unix socket, by what the kernel tells of one that listens (sock_diag(7)).
package struct SocketFile: Hashable, Sendable {
    /// Of the file system: its major number in the upper 12 bits, its minor number in the others.
    let device: UInt32
    /// The lower 32 bits of the inode.
    let inode: UInt32

    init(device: UInt32, inode: UInt32) {
        self.device = device
        self.inode = inode
    }

    /// Nil if there is no such file.
    package init?(at path: String) {
        let descriptor = unsafe open(path, Int32(FM_PATH) | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, let device = Self.device(of: descriptor) else { return nil }
        self.init(device: device, inode: UInt32(truncatingIfNeeded: status.st_ino))
    }

    /// The device of the mount that the file is on (proc_pid_fdinfo(5), proc_pid_mountinfo(5)): stat(2) tells another
    /// one on btrfs and overlayfs.
    private static func device(of descriptor: Int32) -> UInt32? {
        let mount = lines(of: "/proc/self/fdinfo/\(descriptor)").first { $0.first == "mnt_id:" }?.last
        guard let mount, let line = lines(of: "/proc/self/mountinfo").first(where: { $0.first == mount }),
            line.count > 2
        else { return nil }
        let numbers = line[2].split(separator: ":").compactMap { UInt32($0) }
        return numbers.count == 2 ? numbers[0] << 20 | numbers[1] : nil
    }

    /// The words of each line.
    private static func lines(of path: String) -> [[Substring]] {
        guard let bytes = try? Files.read(path, limit: 16 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
            line.split { $0 == " " || $0 == "\t" }
        }
    }
}
