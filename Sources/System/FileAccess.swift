import Glibc

/// Who may use a file or a folder, by its mode.
package struct FileAccess: Equatable, Sendable {
    package let owner: UInt32
    /// The permissions, without the file's type.
    package let mode: UInt32

    package init(owner: UInt32, mode: UInt32) {
        self.owner = owner
        self.mode = mode
    }

    /// Nil if the path cannot be read. A symbolic link is followed.
    package init?(of path: String) {
        var status = Glibc.stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(owner: status.st_uid, mode: status.st_mode & 0o7777)
    }

    /// Whether users other than the owner may read it.
    package var isReadableByOthers: Bool { mode & 0o044 != 0 }

    /// Whether users other than the owner may change it; in a folder, replace files of others.
    package var isWritableByOthers: Bool { mode & 0o022 != 0 && mode & S_ISVTX == 0 }

    /// The mode in octal digits.
    package var modeText: String { String(mode, radix: 8) }
}
