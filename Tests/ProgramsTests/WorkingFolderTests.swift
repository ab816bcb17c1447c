import Glibc
import System
import TestSupport
import Testing

/// Folders of programs that killed processes have left behind are removed, and nothing else.
@Suite(.timeLimit(.minutes(1))) struct WorkingFolderTests {
    private let parent: TemporaryPrograms
    private let user = geteuid()

    init() throws { parent = try TemporaryPrograms() }

    /// Makes a folder as a killed process leaves it: without a lock.
    private func leave(_ name: String, owner: uid_t? = nil) throws -> String {
        let path = "\(parent.path)/\(name)"
        try #require(unsafe mkdir(path, 0o700) == 0)
        try parent.write("\(name)/file", "text")
        if let owner { try #require(unsafe chown(path, owner, owner) == 0) }
        return path
    }

    private func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    private func sweep() { WorkingFolder.removeAbandoned(of: [user], in: parent.path) }

    @Test func onlyFoldersThatAreNotInUseAreRemoved() throws {
        let used = try WorkingFolder(in: parent.path)
        let abandoned = try leave("flow-manager-program.abcdef")
        sweep()
        #expect(!exists(abandoned) && exists(used.path))
        used.remove()
        #expect(!exists(used.path))
    }

    /// Other processes have such names, too: the socket of a Postgres for tests, for example.
    @Test func foldersOfOtherNamesStay() throws {
        let others = try ["flow-manager.abcdef", "flow-manager-program", "programs.abcdef"].map { try leave($0) }
        sweep()
        for path in others { #expect(exists(path + "/file")) }
    }

    @Test func linksAreNotFollowed() throws {
        let (target, link) = (try leave("target"), parent.path + "/flow-manager-program.abcdef")
        try #require(unsafe symlink(target, link) == 0)
        sweep()
        #expect(exists(target + "/file") && exists(link))
    }

    @Test(.enabled(if: geteuid() == 0)) func foldersOfOtherUsersStay() throws {
        let folder = try leave("flow-manager-program.abcdef", owner: 65_533)
        sweep()
        #expect(exists(folder + "/file"))
        WorkingFolder.removeAbandoned(of: [user, 65_533], in: parent.path)
        #expect(!exists(folder))
    }

    @Test func aWorkerThatStartsRemovesThem() throws {
        let folder = "/tmp/flow-manager-program.test-\(getpid())"
        try #require(unsafe mkdir(folder, 0o700) == 0)
        let runs = try ProgramRuns(.possible[0])
        let deadline = Monotonic.now + .seconds(20)
        while exists(folder), deadline > .now { poll(nil, 0, 1) }
        #expect(!exists(folder))
        withExtendedLifetime(runs) {}
    }

    /// A folder can be found by another process before it is locked: it is made again.
    @Test func aNewFolderSurvivesSweepsThatRunAtTheSameTime() throws {
        let (parent, user) = (parent.path, user)
        let sweeping = try NativeThread {
            for _ in 0..<2_000 { WorkingFolder.removeAbandoned(of: [user], in: parent) }
        }
        defer { sweeping.join() }
        for _ in 0..<500 {
            let folder = try WorkingFolder(in: parent)
            #expect(exists(folder.path))
            folder.remove()
        }
    }
}
