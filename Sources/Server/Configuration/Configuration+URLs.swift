import HTTP
import HTTPClient

extension Configuration {
    /// Throws unless answers of the service that the setting names can be trusted.
    func requireTrust<Value>(in url: String, _ setting: KeyPath<Settings, Setting<Value>>) throws {
        var settings = HTTPClientSettings()
        settings.allowedAddresses = try self.httpAllowAddresses
        guard settings.canTrust(url), url.hasNoQueryOrFragment else {
            throw ConfigurationError(
                setting,
                "must be an https:// URL, or http:// and in HTTP_ALLOW_ADDRESSES, without query and fragment")
        }
    }

    /// The URL that the setting has, without a trailing slash; nil without one.
    func trustedURL(_ setting: KeyPath<Settings, Setting<String?>>) throws -> String? {
        guard let url = try self[dynamicMember: setting] else { return nil }
        try requireTrust(in: url, setting)
        return url.withoutTrailingSlash
    }

    /// The URL of this program as its clients know it, without a trailing slash; nil: no setting says it.
    var siteURL: String? {
        get throws {
            guard let url = try self.publicURL?.withoutTrailingSlash else { return nil }
            try requireURL(url, \.publicURL)
            let authority = url.drop { $0 != ":" }.dropFirst(3)
            guard authority.drop(while: { $0 != "/" }) == (try self.basePath.description) else {
                throw ConfigurationError(\.publicURL, "must have the path that BASE_PATH has")
            }
            return url
        }
    }

    /// The URL of a service of this machine, such as the endpoint that a container has for its keys.
    func requireURL<Value>(_ url: String, _ setting: KeyPath<Settings, Setting<Value>>) throws {
        guard URLReference.isValid(url), url.hasNoQueryOrFragment else {
            throw ConfigurationError(setting, "must be an http:// or https:// URL, without query and fragment")
        }
    }
}

extension String {
    var withoutTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }

    fileprivate var hasNoQueryOrFragment: Bool { !contains("?") && !contains("#") }
}
