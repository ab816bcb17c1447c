import FastCGI
import HTTPClient

extension Configuration {
    /// Where the responders listen.
    var listening: ListeningAddress {
        get throws {
            guard let address = ListeningAddress(parsing: try self.socket) else {
                throw ConfigurationError(
                    \.socket, "must be a path, which has a slash, or an address like 127.0.0.1:9000")
            }
            return address
        }
    }

    /// Nil also for a socket on TCP, unless its address is local: how long a call has waited follows from the web
    /// server's clock, which may be another one there.
    var queueTimeoutByClock: Duration? {
        get throws {
            if case .tcp(let address) = try listening, !address.isLocal { return nil }
            return try self.queueTimeout
        }
    }

    /// Whether a web server with that address may connect over TCP.
    var allowsClient: @Sendable (_ address: String) -> Bool {
        get throws {
            let ranges = try self.socketAllow
            return { text in
                guard let address = IPAddress(parsing: text) else { return false }
                return ranges.contains { $0.contains(address) }
            }
        }
    }
}
