/// A secret that a request carries in a header field of its own, to certain hosts and only over https.
package struct RequestCredential: Sendable {
    /// The name of the field.
    package let field: String
    let value: String
    let hosts: [HostPattern]

    package init(field: String, value: String, hosts: [HostPattern]) {
        self.field = field
        self.value = value
        self.hosts = hosts
    }

    /// - Throws: `hostRefused` unless the secret may be sent to that URL.
    func check(_ url: URLReference) throws(HTTPClientError) {
        guard hosts.contains(where: { $0.permits(url.origin) }) else { throw .hostRefused }
    }
}
