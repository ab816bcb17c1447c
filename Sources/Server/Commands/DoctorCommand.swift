import App
import Glibc
import JSON
import System

/// `doctor`: asks a deployed site, and proves what of its calls reaches the program.
enum DoctorCommand {
    static let forms = [
        CommandForm(arguments: "--url URL", summary: "Ask the site; exit status 1 if it is not as it should be"),
        CommandForm(
            arguments: "--url URL [--slow] [--json] [--insecure] [--ca FILE] [--http-port PORT]",
            summary: "--slow: also a call that waits 50 s"),
    ]

    private static let options = ["--url", "--ca", "--http-port"]
    private static let flags = ["--slow", "--json", "--insecure"]
    /// For all calls.
    private static let timeLimit = Duration.seconds(300)

    static func run(_ invocation: Invocation) throws {
        func value(of option: String) -> String? { Invocation.value(of: option, in: invocation.arguments) }
        guard invocation.words(options: options, flags: flags).isEmpty, let url = value(of: "--url") else {
            throw UsageError("doctor", forms)
        }
        guard let site = SiteURL(url) else {
            throw InvalidArgument(description: "--url needs an http or https URL without user, query and fragment")
        }
        var plainPort: UInt16?
        if let text = value(of: "--http-port") {
            guard let port = UInt16(plain: text), port > 0 else {
                throw InvalidArgument(description: "--http-port needs a number from 1 to 65535")
            }
            plainPort = port
        }
        let isJSON = invocation.arguments.contains("--json")
        var findings: [Finding] = []
        let report: (Finding) -> Void = { finding in
            findings.append(finding)
            if !isJSON { print(finding.report) }
        }
        let configuration = invocation.configuration
        let hasKey = try configuration.text(of: Settings.table.jwtSecretKey) != nil
        if hasKey {
            report(SettingsFileCheck.judge(invocation.settingsFile))
        } else {
            report(
                .skipped(
                    "settings",
                    "JWT_SECRET_KEY is not set here: only what can be seen from outside is checked. Run this command "
                        + "with the settings of the site."))
        }
        var probe = Probe(
            site: site, key: hasKey ? try configuration.doctorKey : nil, deadline: .now + timeLimit)
        probe.authorities = value(of: "--ca")
        var examination = Examination(probe: probe, report: report)
        examination.isSlow = invocation.arguments.contains("--slow")
        examination.ignoresCertificate = invocation.arguments.contains("--insecure")
        examination.plainPort = plainPort
        examination.privateFiles = [invocation.settingsFile, try configuration.logFile].compactMap { path in
            path.flatMap { $0.split(separator: "/").last.map(String.init) }
        }
        examination.run()
        let failures = findings.count { $0.verdict == .failure }
        if isJSON {
            let result: JSON = [
                "url": .string(site.text), "ok": .bool(failures == 0), "findings": .array(findings.map(\.json)),
            ]
            print(result.text)
        }
        if failures > 0 { throw Failure(count: failures) }
    }

    private struct Failure: Error, CustomStringConvertible {
        let count: Int
        var description: String { count == 1 ? "1 check failed" : "\(count) checks failed" }
    }
}
