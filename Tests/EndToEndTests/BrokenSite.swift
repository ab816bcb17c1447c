import Glibc
import HTTP
import JSON
import System
import TestSupport
import Testing

/// A deployment with TLS, of which a test changes nginx's configuration.
final class BrokenSite {
    let stack: Stack
    /// Of the certificate, which is self-signed, and its key.
    private let folder: String
    private var certificate: String { folder + "/certificate.pem" }

    init(settings: [String: String] = [:]) throws {
        var template = Array("/tmp/doctor.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let (certificate, key) = (folder + "/certificate.pem", folder + "/key.pem")
        try run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key,
                "-out", certificate,
            ], Environment.current)
        let files = ["CERTIFICATE": certificate, "CERTIFICATE_KEY": key]
        stack = try Stack(settings: settings.merging(files) { $1 }, isInFile: true)
    }

    deinit { try? run("/bin/rm", ["-rf", folder], [:]) }

    /// The findings of the doctor by check; those of one check are joined.
    struct Diagnosis {
        let status: Int32
        let output: String
        let findings: [JSON]

        func verdict(_ check: String) -> String? { finding(check)?["verdict"]?.stringValue }

        func finding(_ check: String) -> JSON? {
            let all = findings.filter { $0["check"]?.stringValue == check }
            return all.first { $0["verdict"] == "fail" } ?? all.first
        }

        func checks(_ verdict: String) -> Set<String> {
            Set(findings.filter { $0["verdict"]?.stringValue == verdict }.compactMap { $0["check"]?.stringValue })
        }
    }

    /// Runs the doctor on the site, by default over TLS with the certificate trusted.
    func examine(
        _ arguments: [String] = [], isSlow: Bool = false, settings: [String: String] = [:]
    ) throws -> Diagnosis {
        let port = stack.httpsPort
        let result = try stack.command(
            ["doctor", "--json", "--url", "https://127.0.0.1:\(port)", "--http-port", "\(stack.client.port)"]
                + (arguments.isEmpty ? ["--ca", certificate] : arguments) + (isSlow ? ["--slow"] : []),
            settings: settings)
        let line = result.output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
        let findings = (try? JSON(parsing: Array(line.utf8)))?["findings"]?.arrayValue ?? []
        return Diagnosis(status: result.status, output: result.output, findings: findings)
    }

    /// Replaces texts in the files of nginx's configuration, and returns when nginx uses them.
    func change(_ changes: [(file: String, text: String, replacement: String)]) throws {
        let folder = stack.folder + "/nginx/conf/"
        let marker = unique("/reloaded-")
        let all =
            changes + [
                ("flow-manager.conf", "    location / {", "    location = \(marker) { return 204; }\n    location / {")
            ]
        for (file, text, replacement) in all {
            let content = String(decoding: try Files.read(folder + file), as: UTF8.self)
            let range = try #require(content.firstRange(of: text), "\(file) has no \(text)")
            try write(content.replacingCharacters(in: range, with: replacement), to: folder + file)
        }
        let id = String(decoding: try Files.read(stack.folder + "/nginx/nginx.pid"), as: UTF8.self)
        kill(try #require(Int32(id.filter(\.isNumber))), SIGHUP)
        // Former workers accept connections until they have noticed.
        try eventually("nginx uses the changes") {
            try (0..<20).allSatisfy { _ in try stack.get(marker).status == 204 }
        }
    }

    /// Writes a file that did not exist, or replaces it.
    func write(_ text: String, to path: String) throws {
        unsafe unlink(path)
        let descriptor = try Files.openToAppend(path)
        defer { close(descriptor) }
        guard Files.write(Array(text.utf8), to: descriptor) else { throw TestFailure("\(path) is not written") }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + self[range.upperBound...]
    }
}
