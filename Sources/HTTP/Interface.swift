/// A list of endpoints with everything that is published about them: the API description and the Postman collection.
package struct Interface<Context>: Sendable {
    package let title: String
    package let version: String
    package let summary: String
    /// Markdown. The table of codes is added to it.
    package let description: String
    package let endpoints: [Endpoint<Context>]
    /// The variables that the examples use.
    package let variables: [ExampleVariable]

    package init(
        title: String, version: String, summary: String, description: String, endpoints: [Endpoint<Context>],
        variables: [ExampleVariable]
    ) {
        self.title = title
        self.version = version
        self.summary = summary
        self.description = description
        self.endpoints = endpoints
        self.variables = variables
    }

    /// The endpoints' tags, in the order in which they first occur.
    package var tags: [Tag] {
        endpoints.reduce(into: []) { tags, endpoint in
            if !tags.contains(endpoint.tag) { tags.append(endpoint.tag) }
        }
    }
}
