import JSON

/// The record of an operation that a user ran.
struct Record {
    let userID: String
    let json: JSON

    static let resource = Resource(
        "Record", .id("id"), .text("operation", Operation.typeSchema), .json("arguments", .array(of: .number)),
        .integer("amount").described("The credits that it cost"),
        .integer("user_balance").described("The user's available credits after it"),
        .json("result").described("A number, or the text of `random_string`"),
        .id("user_id"), .id("execution_id"), .time("created_at"))
    static let schema = resource.schema

    func mayBeRead(by principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}
