import App
import Testing
import Tokens

@testable import flow_manager

/// Token issuers from the settings, and settings that are rejected.
@Suite struct IssuerSettingsTests {
    private static let provider = ["OIDC_ISSUER": "https://issuer.example/", "OIDC_AUDIENCE": "api"]
    private static let clerk = ["CLERK_FRONTEND_URL": "https://clerk.example.org", "AUTHORIZED_PARTIES": "https://app"]

    private func issuers(_ environment: [String: String]) throws -> [IssuerSettings] {
        try Configuration(environment: environment).issuers
    }

    @Test func noIssuersByDefault() throws {
        #expect(try issuers([:]).isEmpty)
        #expect(try issuers(["OIDC_AUDIENCE": "api", "AUTHORIZED_PARTIES": "app", "CLERK_SECRET_KEY": "x"]).isEmpty)
    }

    @Test func keyAddressesAreDerivedFromTheURLs() throws {
        let both = try issuers(Self.provider.merging(Self.clerk) { $1 })
        #expect(both.map(\.trusted.name) == ["https://clerk.example.org", "https://issuer.example/"])
        guard case .keySet("https://clerk.example.org/.well-known/jwks.json") = both[0].keyAddress,
            case .discovery("https://issuer.example/.well-known/openid-configuration", "https://issuer.example/") =
                both[1].keyAddress
        else { return #expect(Bool(false), "\(both)") }
        let slash = try issuers(Self.clerk.merging(["CLERK_FRONTEND_URL": "https://clerk.example.org/"]) { $1 })
        #expect(slash.map(\.trusted.name) == ["https://clerk.example.org"])
    }

    @Test(
        arguments: [
            (["OIDC_ISSUER": "https://issuer.example"], "OIDC_AUDIENCE must be set if OIDC_ISSUER is set"),
            (["OIDC_AUDIENCE": " , ", "OIDC_ISSUER": "https://a"], "OIDC_AUDIENCE must be set if OIDC_ISSUER is set"),
            (["CLERK_FRONTEND_URL": "https://a"], "AUTHORIZED_PARTIES must be set if CLERK_FRONTEND_URL is set"),
            (
                ["CLERK_FRONTEND_URL": "https://issuer.example", "AUTHORIZED_PARTIES": "app"].merging(
                    ["OIDC_ISSUER": "https://issuer.example", "OIDC_AUDIENCE": "api"]) { $1 },
                "OIDC_ISSUER must differ from CLERK_FRONTEND_URL"
            ),
            (["OIDC_ISSUER": "https://a", "JWT_ISSUER": "https://a"], "OIDC_ISSUER must differ from JWT_ISSUER"),
            (
                ["HTTP_ALLOW_ADDRESSES": "localhost", "OIDC_ISSUER": "https://a"],
                "HTTP_ALLOW_ADDRESSES must be comma-separated addresses like 10.0.0.0/8 or 127.0.0.1:8080"
            ),
        ] as [([String: String], String)])
    func invalidSettingsAreRefused(environment: [String: String], expected: String) {
        let error = #expect(throws: ConfigurationError.self) { try issuers(environment) }
        #expect(error?.description == expected)
    }

    @Test(
        arguments: [
            ("https://issuer.example", true), ("https://issuer.example/tenant/a", true), ("https://10.0.0.1", true),
            ("http://127.0.0.1:8090", true), ("http://10.1.2.3", true), ("http://10.1.2.3:99/x", true),
            ("http://[fd00::1]:80", true), ("http://127.0.0.1:8091", false), ("http://127.0.0.1", false),
            ("http://issuer.example", false), ("http://localhost:8090", false), ("http://11.1.2.3", false),
            ("http://[fd01::1]", false), ("https://user@issuer.example", false), ("https://issuer.example?a=b", false),
            ("https://issuer.example#a", false), ("issuer.example", false), ("file:///etc/passwd", false),
            ("https://", false), ("canary", false),
        ] as [(String, Bool)])
    func issuerMustUseHTTPSOrAnAllowedAddress(url: String, isAccepted: Bool) throws {
        let environment = [
            "OIDC_ISSUER": url, "OIDC_AUDIENCE": "api",
            "HTTP_ALLOW_ADDRESSES": " 10.0.0.0/8,127.0.0.1:8090 ,fd00::/16",
        ]
        guard !isAccepted else {
            #expect(try issuers(environment).count == 1)
            return
        }
        let error = #expect(throws: ConfigurationError.self) { try issuers(environment) }
        #expect(error?.setting == "OIDC_ISSUER")
        #expect(error?.description.contains("canary") == false)
    }
}
