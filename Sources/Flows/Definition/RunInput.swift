package import JSON

/// The check of a run's input by the `input_schema` of its workflow's version.
package enum RunInput {
    /// What is wrong with such a schema that a user wants to store, at `/input_schema`.
    package static func problems(ofSchema document: JSON) -> Violations {
        var reader = JSONSchemaReader()
        _ = reader.read(document)
        return reader.problems.moved(to: "/input_schema")
    }
}

extension StoredFlow {
    /// What is wrong with an input for this version.
    ///
    /// - Parameter pointer: the location of the input.
    package func problems(ofInput input: JSON, at pointer: String) -> Violations {
        problems(ofInputs: [input], at: { _ in pointer })
    }

    /// The same for several inputs; the schema is read once.
    ///
    /// - Parameter pointer: the location of the input with that index.
    package func problems(ofInputs inputs: [JSON], at pointer: (Int) -> String) -> Violations {
        var problems = Violations()
        guard let inputSchema else { return problems }
        var reader = JSONSchemaReader()
        // It was valid when it was stored. If it no longer is, what it meant cannot be checked.
        guard let schema = reader.read(inputSchema) else { return reader.problems.moved(to: "/input_schema") }
        for (index, input) in inputs.enumerated() where !problems.isFull {
            problems.append(contentsOf: schema.violations(in: input), at: pointer(index))
        }
        return problems
    }

    /// Throws the failure of a step that would start runs with these inputs, if one is not valid.
    package func check(_ inputs: [JSON], at pointer: (Int) -> String) throws {
        guard let wrong = problems(ofInputs: inputs, at: pointer).first else { return }
        throw TaskFailure(invalidInput: wrong)
    }
}

extension Violations {
    fileprivate func moved(to pointer: String) -> Violations {
        var moved = Violations()
        moved.append(contentsOf: self, at: pointer)
        return moved
    }
}
