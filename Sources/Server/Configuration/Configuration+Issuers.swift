import App
import HTTPClient
import Tokens

/// An external issuer of tokens, as configured.
struct IssuerSettings {
    let trusted: TrustedIssuer
    let keyAddress: KeyAddress
    /// Knows the e-mails of its users; nil: only the tokens have them.
    var users: ClerkUsers?
}

extension Configuration {
    /// The external issuers of tokens that are accepted.
    var issuers: [IssuerSettings] {
        get throws {
            let issuers = [try clerk, try openIDProvider].compactMap(\.self)
            guard Set(issuers.map(\.trusted.name)).count == issuers.count else {
                throw ConfigurationError(\.oidcIssuer, "must differ from CLERK_FRONTEND_URL")
            }
            return issuers
        }
    }

    /// Clerk's session tokens have an authorized party (`azp`), but no audience by default.
    private var clerk: IssuerSettings? {
        get throws {
            guard let url = try issuerURL(\.clerkFrontendURL) else { return nil }
            guard try !self.authorizedParties.isEmpty else {
                throw ConfigurationError(\.authorizedParties, "must be set if CLERK_FRONTEND_URL is set")
            }
            // The `iss` of Clerk's tokens has no trailing slash.
            let name = url.withoutTrailingSlash
            return IssuerSettings(
                trusted: try trusted(name, .authorizedParty),
                keyAddress: .keySet(url: name + "/.well-known/jwks.json"), users: try clerkUsers)
        }
    }

    private var clerkUsers: ClerkUsers? {
        get throws {
            guard let key = try self.clerkSecretKey else { return nil }
            let (url, allowed) = (try self.clerkAPIURL, try self.httpAllowAddresses)
            try requireTrust(in: url, \.clerkAPIURL)
            guard key.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw ConfigurationError(\.clerkSecretKey, "must have only letters, digits and signs of ASCII")
            }
            return ClerkUsers(at: url.withoutTrailingSlash, key: key, allowing: allowed)
        }
    }

    private var openIDProvider: IssuerSettings? {
        get throws {
            guard let name = try issuerURL(\.oidcIssuer) else { return nil }
            guard try !self.oidcAudience.isEmpty else {
                throw ConfigurationError(\.oidcAudience, "must be set if OIDC_ISSUER is set")
            }
            // OpenID Connect Discovery 1.0, section 4.1.
            let url = name.withoutTrailingSlash + "/.well-known/openid-configuration"
            return IssuerSettings(
                trusted: try trusted(name, .audience), keyAddress: .discovery(url: url, issuer: name))
        }
    }

    private func trusted(_ name: String, _ proof: TrustedIssuer.Proof) throws -> TrustedIssuer {
        TrustedIssuer(
            name, proof: proof, audiences: Set(try self.oidcAudience),
            authorizedParties: Set(try self.authorizedParties))
    }

    /// A trusted URL without query and fragment (OpenID Connect Core 1.0, section 2).
    private func issuerURL(_ setting: KeyPath<Settings, Setting<String?>>) throws -> String? {
        guard let url = try self[dynamicMember: setting] else { return nil }
        try requireTrust(in: url, setting)
        guard try url != self.jwtIssuer else {
            throw ConfigurationError(setting, "must differ from JWT_ISSUER")
        }
        return url
    }
}
