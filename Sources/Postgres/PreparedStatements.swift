/// Which statements the server has prepared on one connection, by their text.
///
/// Bounded: once it is full, further statements are sent unprepared. A program has a fixed set of texts, so this
/// happens only where texts are put together at run time, and those gain nothing from being prepared.
struct PreparedStatements {
    private let capacity: Int
    private var names: [String: String] = [:]
    /// Never used twice on a connection: a name given up may still stand for a statement on the server.
    private var lastNumber = 0

    init(capacity: Int) { self.capacity = capacity }

    func name(for text: String) -> String? { names[text] }

    /// A name under which to prepare that text, or nil when it shall be sent unprepared.
    mutating func makeName(for text: String) -> String? {
        guard names.count < capacity else { return nil }
        lastNumber += 1
        let name = "s\(lastNumber)"
        names[text] = name
        return name
    }

    mutating func forget(_ text: String) { names[text] = nil }

    mutating func forgetAll() { names = [:] }
}
