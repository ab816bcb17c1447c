import CConfinement
import Glibc

/// A folder of programs, which only root and the user of this process can change.
package struct ProgramFolder: Sendable {
    /// Why a folder or program is not used: the rest of a sentence that begins with its name.
    package struct Refusal: Error, Equatable, Sendable {
        package let reason: String
    }

    /// Absolute and without symbolic links.
    package let path: String

    /// - Parameter path: must be absolute.
    package init(at path: String) throws(Refusal) {
        guard path.hasPrefix("/") else { throw Refusal(reason: "must be an absolute path") }
        guard let resolved = unsafe realpath(path, nil) else { throw Refusal(reason: "does not exist") }
        defer { unsafe free(resolved) }
        self.path = unsafe String(cString: resolved)
        try check()
    }

    /// The folder and those that it is in, from the root on.
    private var chain: [String] {
        var paths = ["/"]
        for name in path.split(separator: "/") {
            paths.append((paths.last == "/" ? "" : paths.last ?? "") + "/\(name)")
        }
        return paths
    }

    /// Throws if a user other than root and the one of this process can change the folder, or replace it.
    package func check() throws(Refusal) {
        for path in chain {
            let status = try Self.status(of: path)
            guard status.st_mode & S_IFMT == S_IFDIR else { throw Refusal(reason: "must be a folder") }
            guard Self.isTrusted(status.st_uid) else { throw Refusal(reason: "is below \(path) of another user") }
            // In a sticky folder, such as /tmp, users can replace only what is theirs.
            let isSticky = status.st_mode & S_ISVTX != 0 && path != self.path
            guard isSticky || status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
                throw Refusal(reason: "can be changed by other users: run chmod go-w \(path)")
            }
        }
    }

    /// Throws if the user cannot use what is in the folder.
    package func check(isOpenTo user: UserAccount) throws(Refusal) {
        for path in chain {
            let status = try Self.status(of: path)
            let right =
                status.st_uid == user.id ? S_IXUSR : status.st_gid == user.group ? S_IXGRP : S_IXOTH
            guard status.st_mode & right != 0 else {
                throw Refusal(reason: "is closed to the user that runs the programs: run chmod a+x \(path)")
            }
        }
    }

    /// The path of a program. Throws if it is no file of the folder, or one that must not be executed.
    package func path(of program: String) throws(Refusal) -> String {
        guard Self.isName(program) else { throw Refusal(reason: "is not a name") }
        try check()
        let folder = unsafe fm_open_path(path)
        guard folder >= 0 else { throw Refusal(reason: "does not exist") }
        defer { close(folder) }
        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let file = unsafe openat(folder, program, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            throw Refusal(reason: errno == ELOOP ? "is a symbolic link" : "does not exist, or cannot be read")
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Refusal(reason: "is not a file")
        }
        guard status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) != 0 else { throw Refusal(reason: "is not executable") }
        guard Self.isTrusted(status.st_uid), status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw Refusal(reason: "can be changed by other users")
        }
        guard status.st_mode & (S_ISUID | S_ISGID) == 0 else { throw Refusal(reason: "has the set-user-ID bit") }
        return "\(path)/\(program)"
    }

    /// Whether the text is a bare name: letters, digits and `. _ + -`, and it begins with a letter or digit.
    package static func isName(_ text: String) -> Bool {
        let isLetterOrDigit = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = text.utf8.first, isLetterOrDigit(first) else { return false }
        return text.utf8.count <= 255 && text.utf8.allSatisfy { isLetterOrDigit($0) || "._+-".utf8.contains($0) }
    }

    private static func isTrusted(_ owner: uid_t) -> Bool { owner == 0 || owner == geteuid() }

    private static func status(of path: String) throws(Refusal) -> stat {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw Refusal(reason: "does not exist") }
        return status
    }
}

extension ProgramFolder {
    /// The path without symbolic links, as far as it exists.
    package static func resolved(_ path: String) -> String {
        var (known, rest) = (path, "")
        while true {
            if let resolved = unsafe realpath(known, nil) {
                defer { unsafe free(resolved) }
                let start = unsafe String(cString: resolved)
                return start == "/" ? (rest.isEmpty ? start : rest) : start + rest
            }
            guard let slash = known.lastIndex(of: "/"), slash > known.startIndex else { return path }
            rest = known[slash...] + rest
            known = String(known[..<slash])
        }
    }
}
