import JSON
import System

/// `jsonpath`: evaluates a query of the language that flows use, with the limits that it has there.
enum JSONPathCommand {
    static let forms = [
        CommandForm(
            arguments: "[--paths] QUERY [FILE]",
            summary: "Print the selected values, or their paths; reads standard input without FILE")
    ]

    /// The longest document in bytes.
    private static let maximumLength = 1 << 28

    /// Prints one JSON array. An invalid query is an `InvalidArgument`, with the position.
    static func run(_ invocation: Invocation) throws {
        let words = invocation.words(flags: ["--paths"])
        guard (1...2).contains(words.count) else { throw UsageError("jsonpath", forms) }
        let path: JSONPath
        do {
            path = try JSONPath(parsing: words[0])
        } catch {
            throw InvalidArgument(description: "invalid query: \(error)")
        }
        let file = words.count == 2 ? words[1] : nil
        let bytes = try file.map { try Files.read($0, limit: maximumLength) } ?? Files.read(0, limit: maximumLength)
        let root: JSON
        do {
            root = try JSON(parsing: bytes)
        } catch {
            throw InvalidDocument(description: "\(file ?? "standard input") \(error.reason(in: bytes))")
        }
        var budget = JSONPathBudget()
        let result =
            if invocation.arguments.contains("--paths") {
                JSON.array(try path.nodes(in: root, budget: &budget).map { .string($0.path.description) })
            } else {
                JSON.array(try path.values(in: root, budget: &budget))
            }
        print(result.text)
    }

    private struct InvalidDocument: Error, CustomStringConvertible {
        let description: String
    }
}

extension JSONError {
    /// Why the document is refused, as a part of a sentence.
    fileprivate func reason(in document: [UInt8]) -> String {
        switch self {
        case .empty: return "is empty"
        case .syntax:
            let place = TextPosition(ofSyntaxErrorIn: document).map { " at line \($0.line), column \($0.column)" }
            return "is not valid JSON" + (place ?? "")
        case .encoding: return "is not UTF-8 without a byte order mark"
        case .tooDeep: return "is nested too deeply"
        case .tooManyMembers: return "has an object with too many members"
        case .tooManyElements: return "has an array with too many elements"
        case .tooManyMarks: return "has too many combining marks in a row"
        case .duplicateName(let name): return "names '\(name)' twice in one object"
        case .numberOutOfRange: return "has a number that is out of range"
        case .tooLarge: return "is too large"
        case .outOfMemory: return "needs more memory than there is"
        }
    }
}
