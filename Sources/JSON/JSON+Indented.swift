extension JSON {
    /// The value as JSON text for people: one member or element per line, two spaces per level.
    package var indentedText: String { indented(by: "") }

    private func indented(by margin: String) -> String {
        let inner = margin + "  "
        switch self {
        case .array(let elements) where !elements.isEmpty:
            let lines = elements.map { inner + $0.indented(by: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n" + margin + "]"
        case .object(let object) where !object.members.isEmpty:
            let lines = object.members.map {
                "\(inner)\(JSON.string($0.name).text): \($0.value.indented(by: inner))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n" + margin + "}"
        default: return text
        }
    }
}
