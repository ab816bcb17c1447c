package import Glibc

/// A private temporary folder, which `remove` removes with all that is in it. It is in use as long as the process that
/// has made it keeps it locked (flock(2)), which ends with the process, however that ends.
package struct WorkingFolder {
    /// How the names begin; nothing else on this machine may use it for folders.
    private static let prefix = "flow-manager-program."

    package let path: String
    /// An open descriptor, which has the lock.
    private let lock: Int32

    /// - Parameter user: its owner; nil: the user of this process.
    package init(for user: UserAccount? = nil, in parent: String = "/tmp") throws(ProcessError) {
        // Another process can find the folder before it is locked, and remove it.
        for _ in 0..<10 {
            var template = Array("\(parent)/\(Self.prefix)XXXXXX".utf8CString)
            guard unsafe mkdtemp(&template) != nil else { throw ProcessError("mkdtemp") }
            let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let folder = Self(claiming: path, of: [geteuid()]) else { continue }
            self = folder
            guard let user, fchown(lock, user.id, user.group) != 0 else { return }
            let error = ProcessError("fchown")
            remove()
            throw error
        }
        throw ProcessError("flock")
    }

    /// Locks a folder; nil if it is in use, belongs to none of these users, or does not exist. A link is not followed.
    private init?(claiming path: String, of users: Set<uid_t>) {
        let folder = Self.open(Array(path.utf8CString), at: AT_FDCWD)
        guard folder >= 0 else { return nil }
        (self.path, lock) = (path, folder)
        // What has the name now can be another folder than the one that was opened.
        var (held, named) = (stat(), stat())
        guard unsafe fstat(folder, &held) == 0, users.contains(held.st_uid), flock(folder, LOCK_EX | LOCK_NB) == 0,
            unsafe lstat(path, &named) == 0, held.st_dev == named.st_dev, held.st_ino == named.st_ino
        else {
            close(folder)
            return nil
        }
    }

    /// Removes the folders of these users that are no longer in use, because the process that had made them was killed.
    package static func removeAbandoned(of users: Set<uid_t>, in parent: String = "/tmp") {
        let top = open(Array(parent.utf8CString), at: AT_FDCWD)
        guard top >= 0 else { return }
        defer { close(top) }
        for name in names(in: top) {
            let name = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard name.hasPrefix(prefix) else { continue }
            WorkingFolder(claiming: "\(parent)/\(name)", of: users)?.remove()
        }
    }

    /// Removes the folder, and unlocks it; called once. The processes that could change it must have ended.
    ///
    /// Folders of any depth need neither a deep recursion nor many descriptors: a folder's content is moved to the top
    /// before the folder is removed. No symbolic link is followed.
    package func remove() {
        defer { close(lock) }
        // The program may have taken the permissions from itself.
        fchmod(lock, 0o700)
        while true {
            let isChanged = Self.names(in: lock).map { Self.remove($0, from: lock) }
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
