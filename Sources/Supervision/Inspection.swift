/// What an inspection of the pool has found.
package struct Inspection: Sendable {
    /// A listening socket that takes the place of the present one; the supervisor owns it from then on.
    package var socket: Int32?
    /// Another supervisor serves the installation: this one drains and ends.
    package var mustEnd = false

    package init() {}
}
