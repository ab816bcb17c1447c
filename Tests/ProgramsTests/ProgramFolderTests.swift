import Glibc
import System
import TestSupport
import Testing

/// Which folders and programs are used.
@Suite struct ProgramFolderTests {
    private let folder = try? TemporaryPrograms()

    private func reason(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ProgramFolder.Refusal)?.reason ?? "\(error)"
        }
    }

    @Test func programsAreFilesOfTheFolder() throws {
        let folder = try #require(folder)
        try folder.write("one", "#!/bin/sh\n")
        #expect(try ProgramFolder(at: folder.path).path(of: "one") == folder.path + "/one")
    }

    @Test(arguments: ["", ".", "..", "../one", "/bin/sh", "a/b", "-one", ".hidden", "one\0", "ö", "a b"])
    func otherNamesAreRefused(name: String) throws {
        let known = try ProgramFolder(at: try #require(folder).path)
        #expect(reason { _ = try known.path(of: name) } == "is not a name")
    }

    @Test func linksAndWhatIsNoProgramAreRefused() throws {
        let folder = try #require(folder)
        let known = try ProgramFolder(at: folder.path)
        #expect(unsafe symlink("/bin/sh", folder.path + "/link") == 0)
        #expect(reason { _ = try known.path(of: "link") } == "is a symbolic link")
        #expect(unsafe mkfifo(folder.path + "/pipe", 0o700) == 0)
        #expect(reason { _ = try known.path(of: "pipe") } == "is not a file")
        #expect(unsafe mkdir(folder.path + "/folder", 0o700) == 0)
        #expect(reason { _ = try known.path(of: "folder") } == "is not a file")
        #expect(reason { _ = try known.path(of: "missing") }?.hasPrefix("does not exist") == true)
        for (mode, reason) in [
            (0o644, "is not executable"), (0o775, "can be changed by other users"),
            (0o757, "can be changed by other users"), (0o4755, "has the set-user-ID bit"),
            (0o2755, "has the set-user-ID bit"),
        ] {
            try folder.write("one", "#!/bin/sh\n", mode: mode_t(mode))
            #expect(self.reason { _ = try known.path(of: "one") } == reason)
        }
    }

    /// Also after the start.
    @Test func foldersThatOthersCanChangeAreRefused() throws {
        let folder = try #require(folder)
        let known = try ProgramFolder(at: folder.path)
        try folder.write("one", "#!/bin/sh\n")
        for mode in [0o775, 0o757, 0o1777] {
            #expect(unsafe chmod(folder.path, mode_t(mode)) == 0)
            let refused = "can be changed by other users: run chmod go-w \(folder.path)"
            #expect(reason { _ = try ProgramFolder(at: folder.path) } == refused)
            #expect(reason { _ = try known.path(of: "one") } == refused)
        }
        #expect(reason { _ = try ProgramFolder(at: "programs") } == "must be an absolute path")
        #expect(reason { _ = try ProgramFolder(at: folder.path + "/missing") } == "does not exist")
    }

    /// Programs of another user must be able to enter the folder.
    @Test func closedFoldersAreRefused() throws {
        let folder = try #require(folder)
        #expect(unsafe chmod(folder.path, 0o700) == 0)
        let known = try ProgramFolder(at: folder.path)
        let other = UserAccount(id: 65_533, group: 65_533)
        #expect(reason { try known.check(isOpenTo: other) }?.contains("chmod a+x \(folder.path)") == true)
        #expect(unsafe chmod(folder.path, 0o755) == 0)
        #expect(reason { try known.check(isOpenTo: other) } == nil)
    }
}
