/// What a transfer was like, in libcurl's words.
package struct TransferDetails: Sendable {
    /// The address of the server; empty if there was no connection.
    package var serverAddress: String
    /// This machine's address on the connection; empty if there was none.
    package var clientAddress: String
    /// Why the transfer failed; nil if it did not, empty for an unknown reason.
    package var failure: String?

    package init(serverAddress: String = "", clientAddress: String = "", failure: String? = nil) {
        self.serverAddress = serverAddress
        self.clientAddress = clientAddress
        self.failure = failure
    }
}
