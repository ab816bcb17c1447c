package import Glibc

/// A user of this machine.
package struct UserAccount: Sendable, Hashable {
    package let id: uid_t
    /// The user's primary group.
    package let group: gid_t

    package init(id: uid_t, group: gid_t) {
        self.id = id
        self.group = group
    }

    /// The user with that name; nil if there is none.
    package init?(named name: String) {
        var record = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        let code = unsafe getpwnam_r(name, &record, &buffer, buffer.count, &found)
        guard code == 0, unsafe found != nil else { return nil }
        self.init(id: unsafe record.pw_uid, group: unsafe record.pw_gid)
    }

    /// The user that this process acts as.
    package static var current: UserAccount { UserAccount(id: geteuid(), group: getegid()) }

    package var isRoot: Bool { id == 0 }
}
