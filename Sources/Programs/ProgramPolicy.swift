package import System

/// Which programs steps may run, as whom, and what these may use.
package struct ProgramPolicy: Sendable {
    /// Why no programs can be run.
    package enum Refusal: Error, Equatable {
        /// The rest of a sentence that begins with the folder.
        case folder(String)
        case unknownUser
        case rootUser
        /// Only root can run programs as another user.
        case notRoot
        /// Nothing keeps a program of this user from reading what this user may read.
        case noLandlock
        case noFilter
        /// The processes that a program leaves behind could not be found.
        case noProcessList
    }

    package let folder: ProgramFolder
    /// The user of the programs; nil: that of this process, so that only Landlock confines them.
    package let user: UserAccount?
    /// The maximum size of a program's memory, in bytes; nil: no limit.
    package let memory: Int?
    package let hasNetwork: Bool

    /// - Parameters:
    ///   - folder: the path of the folder that has the programs.
    ///   - user: the name of their user; nil: `nobody` if this process is root's, else its own user.
    package init(folder: String, user: String?, memory: Int?, hasNetwork: Bool) throws(Refusal) {
        self.memory = memory
        self.hasNetwork = hasNetwork
        let current = UserAccount.current
        if current.isRoot {
            guard let account = UserAccount(named: user ?? "nobody") else { throw .unknownUser }
            guard !account.isRoot else { throw .rootUser }
            self.user = account
        } else {
            guard try user.map({ name throws(Refusal) in try Self.account(name) == current }) ?? true else {
                throw .notRoot
            }
            guard ConfinedProgram.isLandlockAvailable else { throw .noLandlock }
            self.user = nil
        }
        guard ConfinedProgram.isFilterAvailable else { throw .noFilter }
        guard Descendants.areListed else { throw .noProcessList }
        do throws(ProgramFolder.Refusal) {
            self.folder = try ProgramFolder(at: folder)
            try self.folder.check(isOpenTo: self.user ?? current)
        } catch {
            throw .folder(error.reason)
        }
    }

    private static func account(_ name: String) throws(Refusal) -> UserAccount {
        guard let account = UserAccount(named: name) else { throw .unknownUser }
        return account
    }

    /// Whether programs could read a file of this process's user.
    package func exposes(_ path: String) -> Bool {
        guard user == nil else { return false }
        let path = ProgramFolder.resolved(path)
        return (Self.readable + [folder.path]).contains { path == $0 || path.hasPrefix($0 == "/" ? $0 : $0 + "/") }
    }
}

extension ProgramPolicy {
    /// What programs may read and execute: the system, without the folders where services keep their data.
    static let executable = [
        "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64",
        "/usr/libexec", "/usr/local/bin", "/usr/local/lib",
    ]
    /// What programs and libraries need of the system's configuration, which has the settings of services, too.
    static let readable =
        [
            "/usr/share", "/usr/local/share", "/etc/alternatives", "/etc/ca-certificates", "/etc/fonts",
            "/etc/gai.conf",
            "/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime",
            "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/perl", "/etc/protocols", "/etc/python3",
            "/etc/python3.11", "/etc/resolv.conf", "/etc/services", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
            "/etc/timezone",
        ] + executable
    static let devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]

    /// What a program may use at most. The size of its memory is a setting.
    enum Limit {
        /// More processes and threads than its user has at its start.
        static let processes = 64
        static let openFiles = 256
        /// Bytes of each file that it writes.
        static let fileSize = 64 << 20
        /// Bytes that it may write to standard output.
        static let output = 1 << 20
        /// Bytes of the end of what it writes to standard error that are kept.
        static let errors = 2_000
    }
}

extension ProgramPolicy {
    /// Without the checks of a start.
    init(_ folder: ProgramFolder, as user: UserAccount?, memory: Int?, hasNetwork: Bool) {
        self.folder = folder
        self.user = user
        self.memory = memory
        self.hasNetwork = hasNetwork
    }
}
