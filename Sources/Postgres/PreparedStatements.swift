/// The statements that the server has prepared on one connection, by their shape.
///
/// Bounded: when it is full, further statements are sent unprepared. A program has a fixed set of shapes, so this
/// happens only if texts are built at run time, and those gain nothing from being prepared.
struct PreparedStatements {
    private let capacity: Int
    private var names: [SQL.Shape: String] = [:]
    /// Never reused on a connection: the server may still have a statement under a name that was removed here.
    private var lastNumber = 0

    init(capacity: Int) { self.capacity = capacity }

    func name(for shape: SQL.Shape) -> String? { names[shape] }

    /// A name under which to prepare the statement; nil if it is to be sent unprepared.
    mutating func makeName(for shape: SQL.Shape) -> String? {
        guard names.count < capacity else { return nil }
        lastNumber += 1
        let name = "s\(lastNumber)"
        names[shape] = name
        return name
    }

    mutating func remove(_ shape: SQL.Shape) { names[shape] = nil }
}
