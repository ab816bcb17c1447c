import System

/// The README. Its examples and tables are compared with the program.
package enum Readme {
    package static func text() throws -> String { try sourceText("README.md") }

    /// The contents of its code blocks in this language.
    package static func codeBlocks(_ language: String) throws -> [String] {
        try text().split(separator: "```\(language)\n").dropFirst().map { part in
            String(part.prefix(upTo: part.firstRange(of: "```")?.lowerBound ?? part.endIndex))
        }
    }
}

/// The text of a file in the checkout.
package func sourceText(_ path: String) throws -> String {
    String(decoding: try Files.read("\(Stack.root)/\(path)"), as: UTF8.self)
}
