/// Reads schemas that callers write, in the part of JSON Schema 2020-12 that `JSONSchema` can check, and reports all
/// problems at once. A keyword outside of that part is refused, because a check that does not happen would be worse.
///
/// It differs from the standard in two points: an integer is a number that is written without fraction and exponent,
/// and `format` is checked. An unknown member of an object is accepted unless `additionalProperties` is false.
package struct JSONSchemaReader {
    /// The maximum depth of schemas in schemas.
    package static let maximumDepth = 16
    /// The maximum number of schemas in a document, the document itself included.
    package static let maximumCount = 200
    /// The maximum size of a document in bytes of JSON text.
    package static let maximumBytes = 64 << 10
    /// The maximum number of alternatives (`anyOf`) that one part of a value is compared with. It bounds the time of a
    /// check: each element of a value is compared with so many schemas at most.
    package static let maximumAlternatives = 16

    package private(set) var problems: Violations = []
    private var count = 0

    package init() {}

    /// Returns the schema, or nil if it is invalid; `problems` then lists the reasons, with pointers relative to the
    /// document. `document` may be any value.
    package mutating func read(_ document: JSON) -> JSONSchema? {
        problems = JSONSchema.any.violations(in: document)
        guard document.serialized().count <= Self.maximumBytes else {
            report([], "must have at most \(Self.maximumBytes >> 10) KiB")
            return nil
        }
        let schema = schema(document, Place())
        return problems.isEmpty ? schema : nil
    }

    /// Where a schema is in its document.
    struct Place {
        var path: [JSONPointer.Token] = []
        var depth = 1
        /// The number of alternatives that the part of a value is compared with which the schema describes.
        var alternatives = 1

        func inner(_ tokens: JSONPointer.Token..., alternatives count: Int = 1) -> Place {
            Place(path: path + tokens, depth: depth + 1, alternatives: alternatives * count)
        }
    }

    mutating func report(_ path: [JSONPointer.Token], _ message: String, hint: String? = nil) {
        problems.append(Violation(at: JSONPointer(path), message, hint: hint))
    }

    /// Returns a schema that accepts anything in place of one that is invalid.
    mutating func schema(_ value: JSON, _ place: Place) -> JSONSchema {
        guard case .object(let object) = value else {
            report(place.path, "must be a schema: an object")
            return .any
        }
        count += 1
        guard count <= Self.maximumCount, place.depth <= Self.maximumDepth else {
            if count == Self.maximumCount + 1 { report(place.path, "is one of more than \(Self.maximumCount) schemas") }
            if place.depth > Self.maximumDepth { report(place.path, "is nested more than \(Self.maximumDepth) deep") }
            return .any
        }
        return SchemaKeywords(object, place).read(by: &self)
    }
}
