import Crypto
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing
import Tokens

@testable import flow_manager

/// `flow-manager doctor` on real deployments: a healthy one, and ones with faults.
@Suite struct DoctorCommandTests {
    @Test func aHealthySitePasses() throws {
        let site = try BrokenSite()
        let file = site.stack.folder + "/flow-manager.env"
        let result = try site.examine(settings: ["FLOW_MANAGER_ENV": file])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.checks("fail").isEmpty && result.checks("skip").isEmpty, "\(result.output)")
        // It also answers without TLS.
        #expect(result.checks("warn") == ["plain-http"], "\(result.output)")
        let checked: Set = [
            "settings", "tls", "reach", "files", "server", "clock", "database", "migrations", "memory", "gate",
            "authorization", "methods", "path", "https", "client", "body", "large-body", "buffering", "streaming",
        ]
        #expect(result.checks("ok") == checked, "\(result.output)")
        #expect(result.finding("settings")?["text"]?.stringValue?.contains("may read \(file) (mode 600)") == true)
        #expect(!result.output.contains(Stack.tokenSecret) && !result.output.contains(site.stack.gate))
        #expect(!site.stack.logs.contains("Flow-Doctor"))

        // As text, without TLS, one line for each check.
        let text = try site.stack.command(["doctor", "--url", "http://127.0.0.1:\(site.stack.client.port)/"])
        #expect(text.status == 0, "\(text.output)")
        #expect(text.output.contains("\nok    reach          The program answers behind nginx.\n"), "\(text.output)")
        for line in text.output.split(separator: "\n") { #expect(line.hasPrefix("ok    "), "\(line)") }
    }

    @Test func faultsOfTheWebServerAreFound() throws {
        let site = try BrokenSite()
        let root = site.stack.folder + "/root"
        try run("/bin/mkdir", [root], [:])
        try site.write("JWT_SECRET_KEY=x\n", to: root + "/.env")
        try site.change([
            (
                "fastcgi_params.conf", "fastcgi_param REQUEST_ID",
                "fastcgi_param HTTP_AUTHORIZATION \"\";\nfastcgi_param REQUEST_ID"
            ),
            ("fastcgi_params.conf", "fastcgi_param HTTPS $https if_not_empty;", ""),
            ("fastcgi_params.conf", "REQUEST_URI $request_uri", "REQUEST_URI $uri"),
            ("application.conf", "client_max_body_size", "client_max_body_size 100k;\n#"),
            ("program.conf", "fastcgi_request_buffering on", "fastcgi_request_buffering off"),
            (
                "flow-manager.conf", "    location / {",
                """
                    set_real_ip_from 127.0.0.0/8;
                    real_ip_header X-Forwarded-For;
                    location = /.env { root "\(root)"; }
                    if ($request_method = PATCH) { return 403; }
                    location / {
                """
            ),
        ])
        let result = try site.examine()
        #expect(result.status == 1)
        // nginx has a location of its own for streams, so that the path which arrives is not that of the doctor.
        let faults: Set = ["authorization", "https", "path", "body", "client", "files", "methods", "streaming"]
        #expect(
            result.checks("fail") == faults,
            "\(result.output)")
        #expect(result.checks("warn") == ["plain-http", "buffering"], "\(result.output)")
        func lines(_ check: String) -> [String] {
            result.finding(check)?["lines"]?.arrayValue?.compactMap(\.stringValue) ?? []
        }
        #expect(lines("authorization") == ["fastcgi_param HTTP_AUTHORIZATION $http_authorization;"])
        #expect(lines("https").contains("fastcgi_param HTTPS $https if_not_empty;"))
        #expect(lines("body").contains { $0.hasPrefix("client_max_body_size ") })
        func text(_ check: String) -> String { result.finding(check)?["text"]?.stringValue ?? "" }
        #expect(text("files").contains("/.env,") || text("files").contains("/.env."), "\(text("files"))")
        #expect(text("body").contains("64 KiB") && text("methods").contains("PATCH"))

        // Some of it can be seen without the settings of the site.
        let outside = try site.examine(settings: ["JWT_SECRET_KEY": ""])
        #expect(outside.status == 1)
        #expect(outside.checks("fail") == ["authorization", "body", "files", "methods"], "\(outside.output)")
        #expect(outside.verdict("settings") == "skip" && outside.verdict("https") == "skip")
    }

    @Test func eventsThatTheWebServerCollectsAreFound() throws {
        let site = try BrokenSite()
        try site.change([("program.conf", "X-Accel-Redirect", "X-Accel-Redirect X-Accel-Buffering")])
        let result = try site.examine()
        #expect(result.checks("warn") == ["plain-http", "streaming"] && result.status == 0, "\(result.output)")
        let lines = result.finding("streaming")?["lines"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(lines.contains("fastcgi_buffering off;"))
    }

    @Test func aCertificateThatIsNotTrustedIsAFailure() throws {
        let site = try BrokenSite()
        let result = try site.examine(["--json"])
        #expect(result.status == 1)
        #expect(result.findings.compactMap { $0["check"]?.stringValue } == ["settings", "tls"], "\(result.output)")
        let text = result.finding("tls")?["text"]?.stringValue ?? ""
        #expect(text.contains("self-signed") || text.contains("self signed"), "\(text)")
        let further = try site.examine(["--insecure"])
        #expect(further.status == 1 && further.checks("fail") == ["tls"], "\(further.output)")
        #expect(further.verdict("authorization") == "ok")
    }

    @Test func aSiteWithOtherKeysIsSeenFromOutside() throws {
        let site = try BrokenSite()
        let result = try site.examine(settings: ["JWT_SECRET_KEY": "another-secret-of-the-tests-0123456789"])
        #expect(result.status == 1)
        #expect(result.checks("fail") == ["settings"], "\(result.output)")
        #expect(result.checks("ok").isSuperset(of: ["reach", "authorization", "methods", "body", "database"]))
        try site.change([("program.conf", "fastcgi_read_timeout 60s", "fastcgi_read_timeout 2s")])
        let cut = try site.examine(isSlow: true)
        #expect(cut.status == 1 && cut.checks("fail") == ["time-out"], "\(cut.output)")
        #expect(cut.finding("time-out")?["text"]?.stringValue?.contains("cut after 2 s") == true, "\(cut.output)")
        // The web server sends another secret: no responder takes its calls.
        try site.change([("fastcgi_params.conf", "FLOW_GATE ", "FLOW_GATE x")])
        let gate = try site.examine()
        #expect(gate.status == 1 && gate.verdict("reach") == "fail", "\(gate.output)")
        #expect(gate.finding("reach")?["text"]?.stringValue?.contains("FLOW_GATE") == true)
    }

    @Test(.enabled(if: TestDatabase.givesSessions)) func faultsOfTheDatabaseAreFound() throws {
        let site = try BrokenSite()
        let database = site.stack.database
        let (owner, last) = (database.connect(), database.connectAsApplication())
        try owner.execute("DELETE FROM schema_migrations WHERE version = 1")
        let behind = try site.examine()
        #expect(behind.status == 1 && behind.checks("fail") == ["migrations"], "\(behind.output)")
        let outside = try site.examine(settings: ["JWT_SECRET_KEY": ""])
        #expect(outside.status == 1 && outside.checks("fail") == ["migrations"], "\(outside.output)")

        try last.execute("SELECT 1")
        try owner.execute("ALTER DATABASE \(unsafeRaw: database.name) CONNECTION LIMIT 0")
        try last.execute(
            """
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
            """)
        let down = try site.examine()
        #expect(down.status == 1 && down.checks("fail") == ["database"], "\(down.output)")
        #expect(down.checks("ok").isSuperset(of: ["authorization", "methods", "body", "client"]), "\(down.output)")
    }

    @Test func aTokenWorksOnceInAllProcesses() throws {
        let stack = try Stack.shared.get()
        let key = try Configuration(environment: stack.environment).doctorKey
        let now = WallClock.seconds
        func statuses(_ token: String) throws -> [Int] {
            let message = stack.client.message("GET", "/doctor", headers: [("Flow-Doctor", token)])
            return try (0..<16).map { _ in try stack.client.begin(message) }.map { try stack.client.finish($0).status }
        }
        let once = try statuses(DoctorToken.make(now: now, key: key))
        #expect(once.count { $0 == 200 } == 1 && once.count { $0 == 404 } == 15, "\(once)")
        let otherKey = HMACSHA256(key: Array(Stack.tokenSecret.utf8))
        for token in [
            DoctorToken.make(now: now - 301, key: key), DoctorToken.make(now: now + 90, key: key),
            DoctorToken.make(now: now, key: otherKey), try stack.adminToken(),
        ] {
            #expect(try statuses(token).allSatisfy { $0 == 404 })
        }
    }

    @Test func argumentsAreChecked() throws {
        let stack = try Stack.shared.get()
        for arguments in [[], ["--url"], ["--url", "http://a", "b"], ["--url", "http://a", "--full"]] {
            let result = try stack.command(["doctor"] + arguments)
            #expect(result.status == 2 && result.output.contains("usage: flow-manager doctor --url URL"))
        }
        for arguments in [["--url", "ftp://a"], ["--url", "http://a?b"], ["--url", "http://a", "--http-port", "x"]] {
            #expect(try stack.command(["doctor"] + arguments).status == 2)
        }
        let nothing = try stack.command(["doctor", "--url", "http://127.0.0.1:1"])
        #expect(nothing.status == 1 && nothing.output.contains("FAIL  reach"), "\(nothing.output)")
    }
}
