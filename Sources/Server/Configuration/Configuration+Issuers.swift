import App
import HTTPClient
import Tokens

/// An external issuer of tokens, as configured.
struct IssuerSettings {
    let trusted: TrustedIssuer
    let keyAddress: KeyAddress
}

extension Configuration {
    /// The external issuers whose tokens are accepted.
    var issuers: [IssuerSettings] {
        get throws {
            let issuers = [try clerk, try openIDProvider].compactMap(\.self)
            guard Set(issuers.map(\.trusted.name)).count == issuers.count else {
                throw ConfigurationError(setting: "OIDC_ISSUER", reason: "must differ from CLERK_FRONTEND_URL")
            }
            return issuers
        }
    }

    /// Private addresses that outgoing requests may reach.
    var allowedAddresses: [AddressRange] {
        get throws {
            try list("HTTP_ALLOW_ADDRESSES").map { text in
                guard let range = AddressRange(parsing: text) else {
                    throw ConfigurationError(
                        setting: "HTTP_ALLOW_ADDRESSES",
                        reason: "must be comma-separated addresses like 10.0.0.0/8 or 127.0.0.1:8080")
                }
                return range
            }
        }
    }

    /// Clerk's session tokens have an authorized party (`azp`), but no audience by default.
    private var clerk: IssuerSettings? {
        get throws {
            guard let url = try issuerURL("CLERK_FRONTEND_URL") else { return nil }
            guard !list("AUTHORIZED_PARTIES").isEmpty else {
                throw ConfigurationError(
                    setting: "AUTHORIZED_PARTIES", reason: "must be set if CLERK_FRONTEND_URL is set")
            }
            // The `iss` of Clerk's tokens has no trailing slash.
            let name = withoutTrailingSlash(url)
            return IssuerSettings(
                trusted: try trusted(name, .authorizedParty),
                keyAddress: .keySet(url: name + "/.well-known/jwks.json"))
        }
    }

    private var openIDProvider: IssuerSettings? {
        get throws {
            guard let name = try issuerURL("OIDC_ISSUER") else { return nil }
            guard !list("OIDC_AUDIENCE").isEmpty else {
                throw ConfigurationError(setting: "OIDC_AUDIENCE", reason: "must be set if OIDC_ISSUER is set")
            }
            // OpenID Connect Discovery 1.0, section 4.1.
            let url = withoutTrailingSlash(name) + "/.well-known/openid-configuration"
            return IssuerSettings(
                trusted: try trusted(name, .audience), keyAddress: .discovery(url: url, issuer: name))
        }
    }

    private func trusted(_ name: String, _ proof: TrustedIssuer.Proof) throws -> TrustedIssuer {
        TrustedIssuer(
            name, proof: proof, audiences: Set(list("OIDC_AUDIENCE")),
            authorizedParties: Set(list("AUTHORIZED_PARTIES")))
    }

    /// A trusted URL without query and fragment (OpenID Connect Core 1.0, section 2).
    private func issuerURL(_ setting: String) throws -> String? {
        guard let url = value(setting) else { return nil }
        var settings = HTTPClientSettings()
        settings.allowedAddresses = try allowedAddresses
        guard settings.canTrust(url), !url.contains("?"), !url.contains("#") else {
            throw ConfigurationError(
                setting: setting,
                reason: "must be an https:// URL, or http:// and in HTTP_ALLOW_ADDRESSES, without query and fragment")
        }
        guard url != value("JWT_ISSUER") else {
            throw ConfigurationError(setting: setting, reason: "must differ from JWT_ISSUER")
        }
        return url
    }

    private func withoutTrailingSlash(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }

    /// The elements of a comma-separated list, without surrounding spaces and empty elements.
    private func list(_ setting: String) -> [String] {
        (value(setting) ?? "").split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
