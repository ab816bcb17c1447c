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
        ] as [(String, [String: String])])
    func readsLines(text: String, expected: [String: String]) {
        #expect(SettingsFile.parse(text) == expected)
    }

    private func load(
        named path: String? = nil, environment: [String: String] = [:], executable: String? = nil
    ) throws -> [String: String] {
        try SettingsFile.load(named: path, environment: environment, executable: executable)
    }

    @Test func theNamedFileGoesBeforeTheOthers() throws {
        let named = try folder.write("named", "A=named")
        let told = try folder.write("told", "A=told")
        try folder.write("flow-manager.env", "A=beside")
        let executable = "\(folder.path)/flow-manager"
        #expect(
            try load(named: named, environment: ["FLOW_MANAGER_ENV": told], executable: executable) == ["A": "named"])
        #expect(try load(environment: ["FLOW_MANAGER_ENV": told], executable: executable) == ["A": "told"])
        #expect(try load(executable: executable) == ["A": "beside"])
    }

    @Test func aNamedFileMustBeThere() throws {
        let path = "\(folder.path)/missing"
        #expect(throws: ConfigurationError.self) { try load(named: path) }
        #expect(throws: ConfigurationError.self) { try load(environment: ["FLOW_MANAGER_ENV": path]) }
    }

    @Test func withoutAFileThereIsNothing() throws {
        #expect(try load(executable: "\(folder.path)/flow-manager") == [:])
        #expect(try load(executable: "flow-manager") == [:])
    }

    @Test(arguments: [0o644, 0o640, 0o604] as [UInt32]) func aFileThatOthersMayReadIsRefused(mode: UInt32) throws {
        let path = try folder.write("flow-manager.env", "SECRET=canary", mode: mode)
        for attempt in [{ try load(named: path) }, { try load(executable: "\(folder.path)/flow-manager") }] {
            let error = #expect(throws: ConfigurationError.self) { try attempt() }
            #expect(error?.setting == path)
            #expect(error?.reason.contains("chmod 600") == true)
            #expect(!"\(String(describing: error))".contains("canary"))
        }
    }
}
