import CSystem

/// Tells the service manager that has started this process about the state of the service (sd_notify(3)).
package struct ServiceNotifications: Sendable {
    package enum State: String, Sendable {
        /// The service works, after its start or a reload.
        case ready = "READY=1"
        case reloading = "RELOADING=1"
        case stopping = "STOPPING=1"
    }

    /// The environment variable that names the manager's socket. Children must not inherit it: they are not the
    /// service.
    package static let variable = "NOTIFY_SOCKET"

    private let address: String

    /// Nil if the manager has not asked, or there is none.
    package init?(environment: [String: String]) {
        guard let address = environment[Self.variable], !address.isEmpty else { return nil }
        self.address = address
    }

    /// Sends one datagram. It is lost if the manager does not read: nothing here depends on it.
    package func send(_ state: State) {
        unsafe fm_send_datagram(address, state.rawValue)
    }
}
