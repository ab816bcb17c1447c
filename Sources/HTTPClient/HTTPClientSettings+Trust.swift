extension HTTPClientSettings {
    /// Whether what that URL answers can be believed to be its owner's: over https, or over http from an address that
    /// `allowedAddresses` has, written as a number. So the operator's own network may do without certificates; a name
    /// may not, whatever it stands for today.
    package func canTrust(_ url: String) -> Bool {
        guard let origin = URLReference(url)?.origin else { return false }
        if origin.scheme == "https" { return true }
        let host = origin.host.hasPrefix("[") ? origin.host.dropFirst().dropLast() : origin.host[...]
        guard let address = IPAddress(parsing: host), let port = UInt16(origin.port) else { return false }
        return allowedAddresses.contains { $0.contains(address, port: port) }
    }
}
