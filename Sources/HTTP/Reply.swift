/// What a handler makes of a request: its answer, or what it takes to answer later.
package enum Reply: Sendable {
    case now(Response)
    /// The exchange is parked: it occupies no thread until it is answered.
    case later(Later)
}

/// How an exchange is to be answered that has to wait for something.
package struct Later: Sendable {
    /// The answer where the exchange cannot wait, or no longer: too many do, or the process leaves.
    package let otherwise: Response
    /// Called once, on the handler's thread, when the exchange is parked; not at all where it cannot be.
    package let park: @Sendable (Parked) -> Void

    package init(otherwise: Response, park: @escaping @Sendable (Parked) -> Void) {
        self.otherwise = otherwise
        self.park = park
    }
}
