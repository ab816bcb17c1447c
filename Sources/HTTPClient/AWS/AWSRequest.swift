import HTTP

/// Why there are no keys for AWS, or no answer of it: for the log, without any secret.
package struct AWSError: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// Whether other calls would fail too, because a service cannot be reached or is in trouble.
    package let isTrouble: Bool

    package init(_ description: String, isTrouble: Bool = true) {
        self.description = description
        self.isTrouble = isTrouble
    }
}

/// A request to an address of the settings, which may be private: such as a container's endpoint.
enum AWSRequest {
    /// The body of a successful answer. No redirect is followed.
    static func body(_ request: OutgoingRequest, of source: String) throws -> [UInt8] {
        let response: IncomingResponse
        do {
            response = try client().send(request)
        } catch {
            throw AWSError("\(source): \(error)")
        }
        guard response.status.isSuccess else { throw AWSError("\(source) answers \(response.status.rawValue)") }
        return response.body
    }

    static func client() -> HTTPClient {
        var settings = HTTPClientSettings()
        settings.permitsAllAddresses = true
        settings.connectTimeout = .seconds(1)
        settings.totalTimeout = .seconds(3)
        settings.redirectLimit = 0
        return HTTPClient(settings)
    }
}
