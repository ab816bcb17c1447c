import Glibc
import Testing

@testable import flow_manager

@Suite struct SettingsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(
        arguments: [
            ("", [:]), ("A=1", ["A": "1"]), ("A=1\nB=2\n", ["A": "1", "B": "2"]),
            ("A=1\r\nB=2\r\n", ["A": "1", "B": "2"]),
            ("A=", ["A": ""]), ("A=b=c", ["A": "b=c"]), ("# A=1\n  # B=2\nC=3", ["C": "3"]),
            ("A=1 # one", ["A": "1 # one"]),
            ("\n\n  A=1", ["A": "1"]), ("A=\"x y\"\nB='z'", ["A": "x y", "B": "z"]), ("A=\"x'", ["A": "\"x'"]),
            ("A=\"", ["A": "\""]),
            ("A=\"\"", ["A": ""]), ("A='\"x\"'", ["A": "\"x\""]), ("nothing", [:]), ("A=1\nA=2", ["A": "2"]),
            ("A=$HOME/`x`\\n", ["A": "$HOME/`x`\\n"]), ("A=é😀", ["A": "é😀"]),
            ("A =1\n\tB\t=2", ["A": "1", "B": "2"]), ("export A=1\n  export  B=export", ["A": "1", "B": "export"]),
            ("export=1\nexported A=2\nexport A B=3\n=4", ["export": "1"]), ("A= 1", ["A": " 1"]),
        ] as [(String, [String: String])])
    func readsLines(text: String, expected: [String: String]) {
        #expect(SettingsFile.parse(text) == expected)
    }

    private func load(
        named path: String? = nil, environment: [String: String] = [:], executable: String? = nil
    ) throws -> [String: String] {
        try SettingsFile.load(named: path, environment: environment, executable: executable).values
    }

    @Test func namedFileTakesPrecedence() throws {
        let named = try folder.write("named", "A=named")
        let other = try folder.write("told", "A=told")
        try folder.write("flow-manager.env", "A=beside")
        let executable = "\(folder.path)/flow-manager"
        #expect(
            try load(named: named, environment: ["FLOW_MANAGER_ENV": other], executable: executable) == ["A": "named"])
        #expect(try load(environment: ["FLOW_MANAGER_ENV": other], executable: executable) == ["A": "told"])
        #expect(try load(executable: executable) == ["A": "beside"])
    }

    @Test(arguments: ["missing", "file/missing"]) func namedFileMustExist(name: String) throws {
        try folder.write("file", "A=1")
        let path = "\(folder.path)/\(name)"
        for attempt in [{ try load(named: path) }, { try load(environment: ["FLOW_MANAGER_ENV": path]) }] {
            let error = #expect(throws: ConfigurationError.self) { try attempt() }
            #expect(error.map { "\($0)" } == "\(path) does not exist")
        }
    }

    /// A file that exists and cannot be read is an error: ignoring it would drop settings without notice.
    @Test func folderAndLinkLoopAreRefused() throws {
        let error = #expect(throws: ConfigurationError.self) { try load(named: folder.path) }
        #expect(error?.reason.hasPrefix("cannot be read") == true)
        let beside = "\(folder.path)/flow-manager.env"
        #expect(unsafe symlink(beside, folder.path(of: "flow-manager.env")) == 0)
        let other = #expect(throws: ConfigurationError.self) { try load(executable: "\(folder.path)/flow-manager") }
        #expect(other?.reason.hasPrefix("cannot be read") == true)
    }

    @Test(.enabled(if: geteuid() != 0, "root can open every file"))
    func fileWithoutReadPermissionIsRefused() throws {
        let path = try folder.write("flow-manager.env", "A=1", mode: 0)
        for attempt in [{ try load(named: path) }, { try load(executable: "\(folder.path)/flow-manager") }] {
            let error = #expect(throws: ConfigurationError.self) { try attempt() }
            #expect(error?.reason.hasPrefix("cannot be read") == true)
        }
    }

    @Test func missingDefaultFileGivesNoSettings() throws {
        #expect(try load(executable: "\(folder.path)/flow-manager") == [:])
        #expect(try load(executable: "flow-manager") == [:])
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o602] as [UInt32])
    func fileAccessibleToOthersIsRefused(mode: UInt32) throws {
        let path = try folder.write("flow-manager.env", "SECRET=canary", mode: mode)
        for attempt in [{ try load(named: path) }, { try load(executable: "\(folder.path)/flow-manager") }] {
            let error = #expect(throws: ConfigurationError.self) { try attempt() }
            #expect(error?.setting == path)
            #expect(error?.reason.contains("chmod 600") == true)
            #expect(!"\(String(describing: error))".contains("canary"))
        }
    }
}
