extension HTTPClientSettings {
    /// Whether a response from that URL can be trusted to be its owner's: over https, or over http from an IP address
    /// in `allowedAddresses`. So the operator's own network needs no certificates; a name does, whatever it resolves to
    /// today.
    package func canTrust(_ url: String) -> Bool {
        guard let origin = URLReference(url)?.origin else { return false }
        if origin.scheme == "https" { return true }
        guard let address = origin.address, let port = UInt16(origin.port) else { return false }
        return allowedAddresses.contains { $0.contains(address, port: port) }
    }
}
