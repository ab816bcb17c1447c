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
