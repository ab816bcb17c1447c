/// What a transfer was like, in libcurl's words.
package struct TransferDetails: Sendable {
    /// The address of the server; empty if there was no connection.
    package var serverAddress: String
    /// This machine's address on the connection; empty if there was none.
    package var clientAddress: String
    /// Why the transfer failed; nil if it did not, empty for an unknown reason.
    package var failure: String?

    /// From the call to the first byte of the body; nil without one.
    package var firstByteTime: Duration?

    package init(
        serverAddress: String = "", clientAddress: String = "", failure: String? = nil, firstByteTime: Duration? = nil
    ) {
        self.serverAddress = serverAddress
        self.clientAddress = clientAddress
        self.failure = failure
        self.firstByteTime = firstByteTime
    }
}
