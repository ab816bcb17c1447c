/// A line in which users take turns. Each user's own elements keep their order.
struct Turns<Element: Sendable>: Sendable {
    /// The users that have elements; the first one has the next turn.
    private var users: [String] = []
    private var elements: [String: [Element]] = [:]
    private(set) var count = 0

    mutating func add(_ element: Element, for user: String) {
        count += 1
        if elements[user] == nil { users.append(user) }
        elements[user, default: []].append(element)
    }

    /// Removes the first element of the user who is next; nil if there is none.
    mutating func next() -> (user: String, element: Element)? {
        guard !users.isEmpty else { return nil }
        let user = users.removeFirst()
        guard let element = elements[user]?.removeFirst() else { return nil }
        count -= 1
        if elements[user]?.isEmpty == true { elements[user] = nil } else { users.append(user) }
        return (user, element)
    }
}
