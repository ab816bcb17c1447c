import App
import Crypto
import HTTPClient

/// An issuer of tokens beside ourselves, as the settings name it.
struct IssuerSettings {
    let trusted: TrustedIssuer
    let keyAddress: KeyAddress
}

extension Configuration {
    /// The issuers whose tokens are taken beside our own.
    var issuers: [IssuerSettings] {
        get throws {
            let issuers = [try clerk, try openIDProvider].compactMap(\.self)
            guard Set(issuers.map(\.trusted.name)).count == issuers.count else {
                throw ConfigurationError(setting: "OIDC_ISSUER", reason: "must not be CLERK_FRONTEND_URL too")
            }
            return issuers
        }
    }

    /// What may be reached although it is not on the public internet.
    var allowedAddresses: [AddressRange] {
        get throws {
            try list("HTTP_ALLOW_ADDRESSES").map { text in
                guard let range = AddressRange(parsing: text) else {
                    throw ConfigurationError(
                        setting: "HTTP_ALLOW_ADDRESSES", reason: "must be addresses like 10.0.0.0/8 or 127.0.0.1:8080")
                }
                return range
            }
        }
    }

    /// Clerk's session tokens name who they were given to, and by themselves nobody whom they are for.
    private var clerk: IssuerSettings? {
        get throws {
            guard let url = try issuerURL("CLERK_FRONTEND_URL") else { return nil }
            guard !list("AUTHORIZED_PARTIES").isEmpty else {
                throw ConfigurationError(setting: "AUTHORIZED_PARTIES", reason: "is needed with CLERK_FRONTEND_URL")
            }
            // Its `iss` has no slash at the end.
            let name = withoutLastSlash(url)
            return IssuerSettings(
                trusted: try trusted(name, .authorizedParty),
                keyAddress: .keySet(url: name + "/.well-known/jwks.json"))
        }
    }

    private var openIDProvider: IssuerSettings? {
        get throws {
            guard let name = try issuerURL("OIDC_ISSUER") else { return nil }
            guard !list("OIDC_AUDIENCE").isEmpty else {
                throw ConfigurationError(setting: "OIDC_AUDIENCE", reason: "is needed with OIDC_ISSUER")
            }
            // OpenID Connect Discovery 1.0, section 4.1.
            let url = withoutLastSlash(name) + "/.well-known/openid-configuration"
            return IssuerSettings(
                trusted: try trusted(name, .audience), keyAddress: .discovery(url: url, issuer: name))
        }
    }

    private func trusted(_ name: String, _ proof: TrustedIssuer.Proof) throws -> TrustedIssuer {
        TrustedIssuer(
            name, proof: proof, audiences: Set(list("OIDC_AUDIENCE")),
            authorizedParties: Set(list("AUTHORIZED_PARTIES")))
    }

    /// An address without query and fragment (OpenID Connect Core 1.0, section 2), from which keys may be taken.
    private func issuerURL(_ setting: String) throws -> String? {
        guard let url = value(setting) else { return nil }
        var settings = HTTPClientSettings()
        settings.allowedAddresses = try allowedAddresses
        guard settings.canTrust(url), !url.contains("?"), !url.contains("#") else {
            throw ConfigurationError(
                setting: setting, reason: "must be an https:// address, or http:// and one of HTTP_ALLOW_ADDRESSES")
        }
        guard url != value("JWT_ISSUER") else {
            throw ConfigurationError(setting: setting, reason: "must not be JWT_ISSUER too")
        }
        return url
    }

    private func withoutLastSlash(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }

    /// The parts between commas, spaces around them dropped.
    private func list(_ setting: String) -> [String] {
        (value(setting) ?? "").split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
