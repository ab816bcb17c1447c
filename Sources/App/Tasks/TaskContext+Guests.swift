import Flows
import Postgres

extension TaskContext {
    /// Fails the step, with that message, if the run belongs to a guest.
    func refuseGuests(_ message: String) throws {
        let isGuest =
            try connection.query("SELECT role = 'guest' FROM users WHERE id = \(userID)").first?.decode(Bool.self)
        guard isGuest == false else { throw TaskFailure(code: "not_for_guests", message: message) }
    }
}
