/// Which statements the server has prepared on one connection, by their shape.
///
/// Bounded: once it is full, further statements are sent unprepared. A program has a fixed set of shapes, so this
/// happens only where texts are put together at run time, and those gain nothing from being prepared.
struct PreparedStatements {
    private let capacity: Int
    private var names: [SQL.Shape: String] = [:]
    /// Never used twice on a connection: a name given up may still stand for a statement on the server.
    private var lastNumber = 0

    init(capacity: Int) { self.capacity = capacity }

    func name(for shape: SQL.Shape) -> String? { names[shape] }

    /// A name under which to prepare that statement, or nil when it shall be sent unprepared.
    mutating func makeName(for shape: SQL.Shape) -> String? {
        guard names.count < capacity else { return nil }
        lastNumber += 1
        let name = "s\(lastNumber)"
        names[shape] = name
        return name
    }

    mutating func forget(_ shape: SQL.Shape) { names[shape] = nil }

    mutating func forgetAll() { names = [:] }
}
