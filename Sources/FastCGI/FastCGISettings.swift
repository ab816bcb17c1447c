/// How a responder deals with its peers.
package struct FastCGISettings: Sendable {
    /// The secret that the web server sends as param `FLOW_GATE` with every request; nil where there is none, and then
    /// no connection is kept: a request forged out of another one's body could not be told from a real one.
    package var gate: [UInt8]?
    /// Longest body in bytes that is accepted.
    package var bodyLimit: Int
    /// How long reading one request may take in all.
    package var readDeadline: Duration
    /// How long a peer may be silent within a request, and how long it may leave an answer unread.
    package var silenceLimit: Duration
    /// Users whose processes may connect over the unix socket; nil leaves that to the socket's mode.
    package var allowedPeers: Set<UInt32>?
    /// How many exchanges may wait for a later answer at once; never more than take half of the descriptors that the
    /// process may have. Each costs some 20 kB.
    package var parkingLimit: Int

    package init(
        gate: [UInt8]? = nil, bodyLimit: Int = 1 << 20, readDeadline: Duration = .seconds(15),
        silenceLimit: Duration = .seconds(10), allowedPeers: Set<UInt32>? = nil, parkingLimit: Int = 1_000
    ) {
        self.gate = gate
        self.bodyLimit = bodyLimit
        self.readDeadline = readDeadline
        self.silenceLimit = silenceLimit
        self.allowedPeers = allowedPeers
        self.parkingLimit = parkingLimit
    }
}
