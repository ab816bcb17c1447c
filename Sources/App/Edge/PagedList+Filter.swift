import HTTP
import JSON
import Postgres
import System

extension PagedList {
    /// A field of the query that selects items.
    struct Filter: Sendable {
        let name: String
        let schema: JSONSchema
        let summary: String
        /// Converts the text of the query to a condition; nil when it is not valid.
        let condition: @Sendable (String) -> SQL?
        /// Why a text is not valid.
        let reason: @Sendable (String) -> String

        private init(
            _ name: String, _ schema: JSONSchema, _ summary: String?, reason: (@Sendable (String) -> String)? = nil,
            condition: @escaping @Sendable (String) -> SQL?
        ) {
            self.name = name
            self.schema = schema
            self.summary = summary ?? "Only items with this value of `\(name)`"
            self.reason = reason ?? { schema.violations(in: .string($0)).first?.message ?? "is not valid" }
            self.condition = condition
        }

        // Without `sql`, the column has the filter's name.

        static func text(_ name: StaticString, fitting schema: JSONSchema, sql: SQL? = nil) -> Filter {
            let column = sql ?? SQL(stringLiteral: name)
            return Filter(name.description, schema, nil) {
                schema.violations(in: .string($0)).isEmpty ? "\(column) = \($0)" : nil
            }
        }

        static func id(_ name: StaticString, sql: SQL? = nil) -> Filter {
            let column = sql ?? SQL(stringLiteral: name)
            return Filter(name.description, .string(format: .uuid), nil) { $0.isUUID ? "\(column) = \($0)" : nil }
        }

        static func boolean(_ name: StaticString, summary: String? = nil, sql: SQL? = nil) -> Filter {
            let column = sql ?? SQL(stringLiteral: name)
            return boolean(name, summary: summary, ifTrue: "\(column) = true", ifFalse: "\(column) = false")
        }

        static func boolean(_ name: StaticString, summary: String?, ifTrue: SQL, ifFalse: SQL) -> Filter {
            Filter(name.description, .boolean, summary) { ["true": ifTrue, "false": ifFalse][$0] }
        }

        /// The limits of a time, one field each. Times are compared to the millisecond, which is what answers show.
        static func times(_ name: StaticString, sql: SQL? = nil) -> [Filter] {
            let column = sql ?? SQL(stringLiteral: name)
            let limits: [(suffix: String, text: String, operation: SQL, isAfter: Bool)] = [
                ("gte", "at this time or later", ">=", false), ("gt", "after this time", ">=", true),
                ("lte", "at this time or earlier", "<", true), ("lt", "before this time", "<", false),
            ]
            return limits.map { suffix, text, operation, isAfter in
                Filter(
                    "\(name)[\(suffix)]", .string(maxLength: 64, format: .dateTime),
                    "Only items with a `\(name)` \(text)",
                    reason: { _ in "must be a date and time with an offset (RFC 3339)" }
                ) { given in
                    // A `+` that is not percent-encoded is read as a space, which no such time has.
                    RFC3339.milliseconds(given.replacing(" ", with: "+")).map { milliseconds in
                        let limit = milliseconds + (isAfter ? 1 : 0)
                        return "\(column) \(operation) to_timestamp(0) + \(limit) * interval '1 millisecond'"
                    }
                }
            }
        }

        // For these, the list's source has the condition.

        /// One or several values, separated by commas.
        static func choices(_ name: StaticString, of schema: JSONSchema) -> Filter {
            let list = JSONSchema.array(of: schema, count: 1...10)
            @Sendable func wrong(_ text: String) -> Violation? {
                list.violations(in: .array(values(in: text).map(JSON.string))).first
            }
            return Filter(
                name.description, list,
                "Only items with one of these values of `\(name)`, separated by commas",
                reason: { wrong($0)?.message ?? "is not valid" }
            ) { wrong($0) == nil ? "true" : nil }
        }

        /// The values of a field that may have several.
        static func values(in text: String) -> [String] {
            text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }

        /// An id, or `null` for items that have none.
        static func idOrNull(_ name: StaticString, summary: String) -> Filter {
            Filter(
                name.description, .anyOf([.string(format: .uuid), .constant("null")]), summary,
                reason: { _ in "must be a UUID or null" }
            ) { $0.isUUID || $0 == "null" ? "true" : nil }
        }

        /// An id or a name that the list's source resolves.
        static func reference(
            _ name: StaticString, _ schema: JSONSchema, fits: @escaping @Sendable (String) -> Bool
        ) -> Filter {
            Filter(
                name.description, schema,
                "Only items with this id as `\(name)`, or with that of your workflow with this key",
                reason: { _ in "must be an id or a key" }
            ) { fits($0) ? "true" : nil }
        }

        static func idOfSource(_ name: StaticString) -> Filter {
            Filter(name.description, .string(format: .uuid), nil) { $0.isUUID ? "true" : nil }
        }
    }
}
