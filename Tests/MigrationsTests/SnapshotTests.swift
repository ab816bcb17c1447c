import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

/// The files in the source tree match the migrations of the program and their result.
@Suite struct SnapshotTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Sources/Migrations").standardized

    @Test func theListContainsEveryFileInOrder() throws {
        let folder = Self.folder.appending(path: "SQL")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted()
        #expect(Migrations.all.map { $0.label + ".sql" } == files)
        #expect(Migrations.all.map(\.version) == Array(1...files.count))
        for (migration, file) in zip(Migrations.all, files) {
            #expect(try migration.sql == String(contentsOf: folder.appending(path: file), encoding: .utf8))
        }
    }

    /// `schema.sql` is the schema after all migrations. `make schema` regenerates it.
    @Test func theSchemaEqualsTheSnapshot() throws {
        let snapshot = Self.folder.appending(path: "schema.sql")
        let schema = try dump(try TestDatabase.make())
        if ProcessInfo.processInfo.environment["WRITE_SCHEMA"] != nil {
            try schema.write(to: snapshot, atomically: true, encoding: .utf8)
        }
        #expect(try schema == String(contentsOf: snapshot, encoding: .utf8), "run `make schema`")
    }

    /// The schema without the parts that differ between dumps or patch releases, and without the partitions of the
    /// history, which depend on the date.
    private func dump(_ database: TestDatabase) throws -> String {
        let process = Foundation.Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let keywords = ["host", "port", "user", "dbname"].compactMap { key in database.owner[key].map { "\(key)=\($0)" }
        }
        process.arguments = [
            "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=executions_(first|2*)",
            "--exclude-table=steps_(first|2*)", "--dbname", keywords.joined(separator: " "),
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PGPASSWORD": database.owner["password"] ?? ""]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)

        let noise = ["--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict"]
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if noise.contains(where: line.hasPrefix) || line.isEmpty && lines.last?.isEmpty != false { continue }
            lines.append(line)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
