/// A handler's reply to a request: its response, or how the exchange is answered later.
package enum Reply: Sendable {
    case now(Response)
    /// The exchange is parked: it occupies no thread until it is answered.
    case later(Later)
}

/// How to answer an exchange that has to wait for something.
package struct Later: Sendable {
    /// The response if the exchange cannot wait or can no longer: too many do, or the process is draining.
    package let otherwise: Response
    /// Called once, on the handler's thread, when the exchange is parked; never if it cannot be parked.
    package let park: @Sendable (Parked) -> Void

    package init(otherwise: Response, park: @escaping @Sendable (Parked) -> Void) {
        self.otherwise = otherwise
        self.park = park
    }
}
