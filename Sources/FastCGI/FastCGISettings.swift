import HTTP

/// The limits and access rules of a responder for its peers.
package struct FastCGISettings: Sendable {
    /// The secret that the web server sends as param `FLOW_GATE` with every request. Nil: there is none, and
    /// connections are not kept, because a request forged within the body of another one could not be distinguished
    /// from a real one.
    package var gate: [UInt8]?
    /// The maximum length of a body at any endpoint, in bytes: up to this, an unread body is drained, so that the
    /// connection remains usable.
    package var bodyLimit: Int
    /// Where the temporary files of bodies are created.
    package var temporaryFolder: String
    /// The maximum time for reading one request.
    package var readDeadline: Duration
    /// How long a peer may be silent within a request, or leave a response unread.
    package var silenceLimit: Duration
    /// The ids of the users with processes that may connect over the unix socket; nil: the socket's mode alone decides.
    package var allowedPeers: Set<UInt32>?
    /// Whether a client with that address may connect over TCP. Nil: any may.
    package var allowsClient: (@Sendable (_ address: String) -> Bool)?
    /// The maximum number of parked exchanges. It is lowered to half of the process's descriptor limit. Each exchange
    /// costs about 20 kB.
    package var parkingLimit: Int
    /// The maximum number of streams; at most half of the parked exchanges.
    package var streamLimit: Int
    /// The interval between two comments on an open stream.
    package var commentInterval: Duration

    /// How long each thread of a pool may serve one call before others are refused; nil: they wait.
    package var queueTimeout: Duration?

    /// Records calls with the param `CALL_ID`; nil: they are executed whenever they come.
    package var register: CallRegister?

    package init(
        gate: [UInt8]? = nil, bodyLimit: Int = BodyPolicy.memoryLimit, temporaryFolder: String = "/tmp",
        readDeadline: Duration = .seconds(15), silenceLimit: Duration = .seconds(10),
        allowedPeers: Set<UInt32>? = nil, allowsClient: (@Sendable (String) -> Bool)? = nil, parkingLimit: Int = 1_000,
        streamLimit: Int = 500,
        commentInterval: Duration = .seconds(15), queueTimeout: Duration? = nil,
        register: CallRegister? = nil
    ) {
        self.gate = gate
        self.bodyLimit = bodyLimit
        self.temporaryFolder = temporaryFolder
        self.readDeadline = readDeadline
        self.silenceLimit = silenceLimit
        self.allowedPeers = allowedPeers
        self.allowsClient = allowsClient
        self.parkingLimit = parkingLimit
        self.streamLimit = streamLimit
        self.commentInterval = commentInterval
        self.queueTimeout = queueTimeout
        self.register = register
    }
}
