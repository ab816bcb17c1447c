import App
import Crypto
import Flows
import Postgres
import System
import Testing

@testable import flow_manager

@Suite struct ConfigurationTests {
    private static let secret = "0123456789abcdef0123456789abcdef"

    /// The text of the error; nil if there is none.
    private func refusal<T>(_ environment: [String: String], _ read: (Configuration) throws -> T) -> String? {
        do {
            _ = try read(Configuration(environment: environment))
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func environmentOverridesFileAndDefaults() throws {
        let configuration = Configuration(
            environment: ["THREADS": "3", "SOCKET": ""], file: ["THREADS": "5", "RESPONDERS": "7", "LOG_FILE": ""])
        #expect(try configuration.threads == 3)
        #expect(try configuration.responders == 7)
        #expect(try configuration.socket == "/run/flow-manager/flow-manager.sock")
        #expect(try configuration.logFile == nil)
    }

    @Test func allProblemsAreNamedAtOnce() {
        let problems = Configuration(environment: ["THREADS": "0", "DB_PREPARE": "x", "OIDC_ISSUER": "ftp://a"])
            .problems(settingsFile: nil, migrates: true)
        for name in ["THREADS", "DB_PREPARE", "JWT_SECRET_KEY", "OIDC_ISSUER", "DATABASE_URL"] {
            #expect(problems.count { $0.hasPrefix(name) } == 1, "\(name): \(problems)")
        }
        let valid = Configuration(
            environment: ["JWT_SECRET_KEY": Self.secret, "DATABASE_URL": "postgresql://a@b/c"])
        #expect(valid.problems(settingsFile: nil, migrates: true) == [])
    }

    @Test func defaultsAreValid() throws {
        let configuration = Configuration(environment: [:])
        #expect(try !configuration.isDemo)
        #expect(try configuration.responders == 2)
        #expect(try configuration.threads == 4)
        #expect(try configuration.workers == 1)
        #expect(try configuration.workerThreads == 4)
        #expect(try configuration.flowGate == nil)
        #expect(try configuration.logFile == nil)
    }

    /// The list is made by reflection, so a property that is not a setting would be missing from it.
    @Test func everyPropertyIsASetting() {
        #expect(Settings.all.count == Mirror(reflecting: Settings.table).children.count)
    }

    @Test func defaultsDependOnTheProfile() throws {
        let setting = Settings.table.loginCreatesAccount
        #expect(try Configuration(environment: ["CONFIG_TYPE": "demo"]).text(of: setting) == "on")
        #expect(try Configuration(environment: [:]).text(of: setting) == "off")
    }

    @Test func everySettingIsListedOnceAndDescribed() {
        #expect(Set(Settings.all.map(\.name)).count == Settings.all.count)
        #expect(Settings.all.allSatisfy { !$0.summary.isEmpty })
        let secrets = Settings.all.filter { setting in
            // Where secrets are kept is none.
            ["SECRET", "PASSWORD", "DATABASE_URL", "GATE"].contains { setting.name.contains($0) }
                && !setting.name.contains("SECRETS")
        }
        #expect(secrets.allSatisfy { $0.isSecret })
    }

    /// A client's port says nothing about who it is.
    @Test(arguments: ["127.0.0.1:9090", "10.0.0.0/8,[::1]:80"]) func metricsAreAllowedToAddressesWithoutPorts(
        text: String
    ) throws {
        #expect(
            refusal(["METRICS_ALLOW": text]) { try $0.metricsAllow }
                == "METRICS_ALLOW must be comma-separated addresses like 10.0.0.0/8 or ::1, without ports")
        #expect(try Configuration(environment: ["METRICS_ALLOW": "10.0.0.0/8, ::1"]).metricsAllow.count == 2)
    }

    /// A call that waits for its run for the whole `CALL_TIME` is not slow.
    @Test func aCallOfFullLengthIsNotSlow() throws {
        let configuration = Configuration(environment: [:])
        #expect(try #require(try configuration.slowRequest) >= (try configuration.callTime) * 2)
    }

    @Test(arguments: [("demo", true), ("production", false), ("", false)]) func typeIsDemoOrProduction(
        type: String, isDemo: Bool
    ) throws {
        #expect(try Configuration(environment: ["CONFIG_TYPE": type]).isDemo == isDemo)
    }

    @Test(arguments: ["Demo", "test", " demo"]) func otherTypesAreRefused(type: String) {
        #expect(refusal(["CONFIG_TYPE": type]) { try $0.isDemo } == "CONFIG_TYPE must be demo or production")
    }

    @Test(arguments: ["0", "65", "-1", "four", "4 ", "4.0", "99999999999999999999"]) func numbersMustBeInRange(
        text: String
    ) {
        #expect(refusal(["THREADS": text]) { try $0.threads } == "THREADS must be a number from 1 to 64")
        #expect(refusal(["RESPONDERS": text]) { try $0.responders } == "RESPONDERS must be a number from 1 to 64")
        #expect(
            refusal(["WORKER_THREADS": text]) { try $0.workerThreads } == "WORKER_THREADS must be a number from 1 to 64"
        )
    }

    @Test func zeroWorkersAreAllowed() throws {
        #expect(try Configuration(environment: ["WORKERS": "0"]).workers == 0)
        #expect(try Configuration(environment: ["WORKERS": "64"]).workers == 64)
        #expect(refusal(["WORKERS": "65"]) { try $0.workers } == "WORKERS must be a number from 0 to 64")
        #expect(refusal(["WORKERS": "-1"]) { try $0.workers } == "WORKERS must be a number from 0 to 64")
    }

    @Test func aRunEndsBeforeItIsDropped() throws {
        let limits = try Configuration(environment: [:]).runLimits
        #expect(limits.lifetime.days == 30 && limits.retention == nil)
        #expect(try Configuration(environment: ["RETENTION": "31"]).runLimits.retention == 31)
        for (lifetime, retention) in [("31", "31"), ("90", "60")] {
            let settings = ["RUN_LIFETIME": lifetime, "RETENTION": retention]
            let reason = "RUN_LIFETIME must be less than RETENTION: a run must end before it is dropped"
            #expect(refusal(settings) { try $0.runLimits } == reason)
            #expect(Configuration(environment: settings).problems(settingsFile: nil, migrates: true).contains(reason))
        }
        #expect(
            refusal(["RETENTION": "30"]) { try $0.runLimits } == "RETENTION must be off or a number from 31 to 1000000")
        #expect(refusal(["RUN_LIFETIME": "0"]) { try $0.runLimits } == "RUN_LIFETIME must be a number from 1 to 3650")
    }

    @Test func newUsersHaveCreditsInTheDemoProfile() throws {
        let demo = try Configuration(environment: ["CONFIG_TYPE": "demo", "CLIENT_CREDITS": "7"]).welcome
        #expect(demo.client == 7 && demo.guest == 50)
        let production = try Configuration(environment: ["GUEST_CREDITS": "3"]).welcome
        #expect(production.client == 0 && production.guest == 3)
        for text in ["-1", "1.5", "many", "1000000001"] {
            #expect(
                refusal(["CLIENT_CREDITS": text]) { try $0.welcome }
                    == "CLIENT_CREDITS must be a number from 0 to 1000000000")
        }
    }

    @Test func rateLimitsAreNumbersOfUsersAndGuests() throws {
        typealias Numbers = RateLimits.Numbers
        let defaults = Configuration(environment: [:])
        #expect(try defaults.rateLimitRead == Numbers(user: 600, guest: 120))
        #expect(try defaults.rateLimitWrite == Numbers(user: 120, guest: 30))
        #expect(try defaults.rateLimitRun == Numbers(user: 300, guest: 60))
        #expect(try defaults.rateLimitArray == Numbers(user: 10, guest: 10))
        for (text, numbers) in [
            ("off", nil), ("7", Numbers(user: 7, guest: 7)), ("1/10000000", Numbers(user: 1, guest: 10_000_000)),
        ] {
            #expect(try Configuration(environment: ["RATE_LIMIT_READ": text]).rateLimitRead == numbers)
        }
        for text in ["0", "-1", "10000001", "1/", "/1", "1/2/3", "1/off", "on", "1 /2", "+1", "01", "/"] {
            #expect(
                refusal(["RATE_LIMIT_READ": text]) { try $0.rateLimitRead }
                    == "RATE_LIMIT_READ must be off, a number from 1 to 10000000, or two: of users/of guests")
        }
    }

    @Test func registrationLimitCanBeSwitchedOff() throws {
        #expect(try Configuration(environment: [:]).registrationLimit == 20)
        #expect(try Configuration(environment: ["REGISTRATION_LIMIT": "off"]).registrationLimit == nil)
        for text in ["0", "none", "-1"] {
            #expect(
                refusal(["REGISTRATION_LIMIT": text]) { try $0.registrationLimit }
                    == "REGISTRATION_LIMIT must be off or a number from 1 to 1000000")
        }
    }

    @Test(
        arguments: [
            ([:], "JWT_SECRET_KEY must be set"), (["JWT_SECRET_KEY": ""], "JWT_SECRET_KEY must be set"),
            (["JWT_SECRET_KEY": "0123456789abcdef0123456789abcde"], "JWT_SECRET_KEY must have at least 32 bytes"),
            (
                ["JWT_SECRET_KEY": "abcabcabcabcabcabcabcabcabcabcabcabc"],
                "JWT_SECRET_KEY is too easy to guess; use a random value"
            ),
            (
                ["JWT_SECRET_KEY": "0123456789abcdef0123456789abcdef", "JWT_PREVIOUS_SECRET_KEY": "short"],
                "JWT_PREVIOUS_SECRET_KEY must have at least 32 bytes"
            ),
        ] as [([String: String], String)])
    func weakKeysAreRefused(environment: [String: String], expected: String) {
        #expect(refusal(environment) { try $0.tokens } == expected)
    }

    @Test func strongKeysAreAccepted() {
        #expect(refusal(["JWT_SECRET_KEY": Self.secret]) { try $0.tokens } == nil)
        #expect(
            refusal(["JWT_SECRET_KEY": Self.secret, "JWT_PREVIOUS_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz012345"]) {
                try $0.tokens
            } == nil)
        #expect(refusal(["FLOW_GATE": Self.secret]) { try $0.flowGate } == nil)
    }

    /// A call that is repeated after a change of the secret is recognized.
    @Test func bodyDigestsRemainValidAfterAChangeOfTheSecret() throws {
        func codes(_ environment: [String: String]) throws -> [[UInt8]] {
            try Configuration(environment: environment).bodyKeys.map { $0.code(for: "body".utf8) }
        }
        let next = "another0123456789abcdef0123456789"
        let before = try codes(["JWT_SECRET_KEY": Self.secret])
        let after = try codes(["JWT_SECRET_KEY": next, "JWT_PREVIOUS_SECRET_KEY": Self.secret])
        #expect(before.count == 1 && after.count == 2)
        #expect(after[1] == before[0] && after[0] != before[0])
        #expect(before[0] != HMACSHA256(key: Array(Self.secret.utf8)).code(for: "body".utf8), "not the secret itself")
    }

    @Test func demoProfileChecksOnlyTheLengthOfSecrets() throws {
        let pattern = String(repeating: "ab", count: 16)
        #expect(refusal(["CONFIG_TYPE": "demo", "FLOW_GATE": pattern]) { try $0.flowGate } == nil)
        #expect(
            refusal(["CONFIG_TYPE": "production", "FLOW_GATE": pattern]) { try $0.flowGate }
                == "FLOW_GATE is too easy to guess; use a random value")
        #expect(
            refusal(["CONFIG_TYPE": "demo", "FLOW_GATE": "ab"]) { try $0.flowGate }
                == "FLOW_GATE must have at least 32 bytes")
    }

    @Test(arguments: [
        "https://app.example", "http://localhost:3000", "https://a.example,https://b.example:8443",
        " https://a.example , http://127.0.0.1:8080 ", "http://[::1]:3000",
        "https://app.example:443", "http://app.example:80", "https://App.example", "HTTPS://app.example",
        "http://[::1]", "https://app.example:80", "https://xn--bcher-kva.example", "http://my_app:8080", "",
    ])
    func validOriginsAreAccepted(list: String) {
        #expect(refusal(["FRONTEND_URL": list]) { try $0.frontendURL } == nil)
    }

    @Test(arguments: [
        ("https://example.org", nil, "https://example.org"), ("https://example.org/", nil, "https://example.org"),
        ("http://127.0.0.1:8080", nil, "http://127.0.0.1:8080"),
        ("https://example.org/flow", "/flow", "https://example.org/flow"),
        ("https://example.org/flow/", "/flow", "https://example.org/flow"),
        ("https://example.org", "/flow", nil), ("https://example.org/flow", nil, nil),
        ("https://example.org/flow/more", "/flow", nil), ("https://example.org?x", nil, nil),
        ("example.org", nil, nil), ("ftp://example.org", nil, nil),
    ])
    func thePublicURLHasTheBasePath(url: String, path: String?, read: String?) {
        var environment = ["PUBLIC_URL": url]
        environment["BASE_PATH"] = path
        #expect((try? Configuration(environment: environment).siteURL) == read)
        let refusal = refusal(environment) { try $0.siteURL }
        #expect(refusal?.hasPrefix("PUBLIC_URL must ") == (read == nil ? true : nil), "\(refusal ?? "")")
        let problems = Configuration(environment: environment).problems(settingsFile: nil, migrates: false)
        #expect(problems.contains { $0.hasPrefix("PUBLIC_URL must ") } == (read == nil))
    }

    @Test(arguments: [
        "*", "null", "app.example", "https://", "https://app.example/", "https://app.example/path", "https://*.example",
        "https://app.example:", "https://app.example:0", "https://\u{212A}.example",
        "https://app.example:65536", "https://app.example:08443", "https://app.example:x",
        "ftp://app.example", "https://user@app.example", "https://app.example?x",
        "https://app.example#x", "https://app..example", "https://bücher.example", "http://[::1", "http://::1",
        "http://[]", "http://[::1]x:80", "https://a.example,", ",https://a.example",
        "https://a.example https://b.example",
        "https://a.example,,https://b.example", "https://a.example,*", "https://a.example;https://b.example",
    ])
    func invalidOriginsAreRefused(list: String) {
        #expect(refusal(["FRONTEND_URL": list]) { try $0.frontendURL }?.hasPrefix("FRONTEND_URL must be") == true)
    }

    @Test(
        arguments: [
            ("SECRETS_ENDPOINT_URL", "secrets.example.org"), ("SECRETS_ENDPOINT_URL", "http://secrets.example.org"),
            ("SECRETS_ENDPOINT_URL", "https://secrets.example.org/?a=1"), ("SECRETS_ENDPOINT_URL", "http://127.0.0.1"),
            ("AWS_ENDPOINT_URL_STS", "ftp://sts.example.org"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v2/keys"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2/keys"), ("AWS_REGION", "eu/central"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"), ("AWS_ACCESS_KEY_ID", "only the id"),
        ])
    func invalidSettingsOfAWSAreRefused(name: String, value: String) {
        let environment = ["USE_DB_SECRETS": "false", "HTTP_ALLOW_ADDRESSES": "10.0.0.0/8", name: value]
        #expect(refusal(environment) { try $0.secrets }?.hasPrefix("\(name) ") == true)
        var other = environment
        other["USE_DB_SECRETS"] = "true"
        #expect(refusal(other) { try $0.secrets } == nil)
    }

    @Test(arguments: ["https://secrets.example.org/", "https://10.1.2.3", "http://10.1.2.3:8080/path/"])
    func validURLsOfServicesAreAccepted(url: String) {
        let environment = [
            "USE_DB_SECRETS": "false", "HTTP_ALLOW_ADDRESSES": "10.0.0.0/8", "SECRETS_ENDPOINT_URL": url,
        ]
        #expect(refusal(environment) { try $0.secrets } == nil)
    }

    @Test func databaseURLHasTwoNames() throws {
        let url = "postgresql://app@db.example/flows"
        #expect(try Configuration(environment: ["DATABASE_URL": url]).database["dbname"] == "flows")
        #expect(try Configuration(environment: ["AWS_PGSQL_PATH": url]).database["host"] == "db.example")
        #expect(try Configuration(environment: ["DATABASE_URL": url]).migrationDatabase["user"] == "app")
        let owner = ["DATABASE_URL": url, "MIGRATION_DATABASE_URL": "postgresql://owner@db.example/flows"]
        #expect(try Configuration(environment: owner).migrationDatabase["user"] == "owner")
        #expect(try Configuration(environment: owner).database["user"] == "app")
    }

    /// libpq knows no authorities by itself.
    @Test func identityOfTheDatabaseIsProvenByTheMachinesAuthorities() throws {
        func authorities(_ url: String, _ environment: [String: String] = [:]) throws -> String? {
            try Configuration(environment: environment.merging(["DATABASE_URL": url]) { $1 }).database["sslrootcert"]
        }
        let url = "postgresql://app@db.example/flows"
        let file = try #require(CertificateAuthorities.file)
        #expect(try authorities(url) == file)
        #expect(try authorities(url + "?sslmode=verify-full") == file)
        #expect(try authorities(url + "?sslrootcert=/own.pem") == "/own.pem")
        #expect(try authorities(url, ["PGSSLROOTCERT": "/own.pem"]) == nil)
        // With authorities `require` would refuse certificates that it is to accept.
        #expect(try authorities(url + "?sslmode=require") == nil)
        #expect(try authorities("postgresql:///flows?host=/run/postgresql") == nil)
    }

    @Test(arguments: [("on", true), ("off", false), ("", true)]) func preparedStatementsCanBeSwitchedOff(
        text: String, isOn: Bool
    ) throws {
        let configuration = Configuration(environment: ["DATABASE_URL": "postgresql:///flows", "DB_PREPARE": text])
        #expect(try configuration.database.preparesStatements == isOn)
    }

    @Test(arguments: ["Off", "false", "0", "off "]) func preparedStatementsAreOnOrOff(text: String) {
        let environment = ["DATABASE_URL": "postgresql:///flows", "DB_PREPARE": text]
        #expect(refusal(environment) { try $0.database } == "DB_PREPARE must be on or off")
        #expect(refusal(environment) { try $0.migrationDatabase } == "DB_PREPARE must be on or off")
    }

    /// Migrations need a session, which a pooler does not provide.
    @Test func migrationsBypassThePooler() throws {
        var environment = ["DATABASE_URL": "postgresql:///flows", "DB_PREPARE": "off"]
        #expect(
            refusal(environment) { try $0.migrationDatabase }
                == "MIGRATION_DATABASE_URL must be set if DB_PREPARE is off, and bypass the pooler")
        environment["MIGRATION_DATABASE_URL"] = "postgresql:///flows"
        #expect(try Configuration(environment: environment).migrationDatabase.preparesStatements)
    }

    /// The message about an invalid secret does not contain its value.
    @Test(arguments: ["DATABASE_URL", "MIGRATION_DATABASE_URL", "JWT_SECRET_KEY", "FLOW_GATE"])
    func errorsNeverShowAValue(setting: String) throws {
        let canary = "postgresql://u:canary@[::1/x"
        let refusal = refusal([setting: canary]) { configuration in
            switch setting {
            case "DATABASE_URL": _ = try configuration.database
            case "MIGRATION_DATABASE_URL": _ = try configuration.migrationDatabase
            case "FLOW_GATE": _ = try configuration.flowGate
            default: _ = try configuration.tokens
            }
        }
        let text = try #require(refusal)
        #expect(text.hasPrefix("\(setting) "))
        #expect(!text.contains("canary"))
    }

    @Test func databaseIsRequired() {
        #expect(refusal([:]) { try $0.database } == "DATABASE_URL must be set")
    }
}
