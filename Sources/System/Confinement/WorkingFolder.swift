import Glibc

/// A private temporary folder, which `remove` removes with all that is in it.
package struct WorkingFolder {
    package let path: String

    /// - Parameter user: its owner; nil: the user of this process.
    package init(for user: UserAccount? = nil) throws(ProcessError) {
        var template = Array("/tmp/flow-manager.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw ProcessError("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if let user, unsafe chown(path, user.id, user.group) != 0 { throw ProcessError("chown") }
    }

    /// Removes the folder; the processes that could change it must have ended.
    ///
    /// Folders of any depth need neither a deep recursion nor many descriptors: a folder's content is moved to the top
    /// before the folder is removed. No symbolic link is followed.
    package func remove() {
        // The program may have taken the permissions from itself.
        unsafe fchmodat(AT_FDCWD, path, 0o700, AT_SYMLINK_NOFOLLOW)
        let top = Self.open(Array(path.utf8CString), at: AT_FDCWD)
        guard top >= 0 else { return }
        defer { close(top) }
        while true {
            let isChanged = Self.names(in: top).map { Self.remove($0, from: top) }
            guard isChanged.contains(true) else { break }
        }
        unsafe rmdir(path)
    }

    /// Removes a file or an empty folder, or moves what is in the folder to the top; false if nothing can be done.
    private static func remove(_ name: [CChar], from top: Int32) -> Bool {
        if unsafe unlinkat(top, name, 0) == 0 || unlinkat(top, name, AT_REMOVEDIR) == 0 { return true }
        unsafe fchmodat(top, name, 0o700, AT_SYMLINK_NOFOLLOW)
        let folder = open(name, at: top)
        guard folder >= 0 else { return false }
        defer { close(folder) }
        var isChanged = false
        for inner in names(in: folder) {
            if unsafe unlinkat(folder, inner, 0) == 0 {
                isChanged = true
                continue
            }
            // A folder can be moved only by those who may write in it.
            unsafe fchmodat(folder, inner, 0o700, AT_SYMLINK_NOFOLLOW)
            let free = String(UInt64.random(in: .min ... .max), radix: 36)
            if unsafe renameat(folder, inner, top, free) == 0 { isChanged = true }
        }
        return isChanged
    }

    private static func open(_ name: [CChar], at folder: Int32) -> Int32 {
        unsafe openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }

    /// The names of the entries, as null-terminated bytes of any encoding.
    private static func names(in folder: Int32) -> [[CChar]] {
        let copy = open(Array(".".utf8CString), at: folder)
        guard copy >= 0 else { return [] }
        guard let directory = unsafe fdopendir(copy) else {
            close(copy)
            return []
        }
        defer { unsafe closedir(directory) }
        var names: [[CChar]] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
            }
            if name != [46], name != [46, 46] { names.append(name + [0]) }
        }
        return names
    }
}
