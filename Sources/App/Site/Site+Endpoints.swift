import HTTP
import JSON

extension Endpoint<Context> {
    static let site: [Endpoint] = [landingPage, documentation]

    private static let landingPage = Endpoint(
        .get, "/", operation: "getLandingPage", tag: .service, access: .everyone,
        summary: "Show what this is and how to start", rateClass: .unlimited, usesDatabase: false,
        answers: [Answer(.ok, "The page", .string, contentType: "text/html")]
    ) { context in
        LandingPage.response(to: context.request, below: context.services.basePath)
    }

    /// The web server serves the page from files. The request arrives here if the files are missing, or if it is not
    /// configured for that.
    private static let documentation = Endpoint(
        .get, "/docs", operation: "getDocumentation", tag: .service, access: .everyone,
        summary: "Show this description as a page to read and to try out",
        rateClass: .unlimited, usesDatabase: false,
        answers: [
            Answer(.ok, "The page", .string, contentType: "text/html"),
            Answer(.temporaryRedirect, "The page is at `docs/`", headers: [.location]),
            Answer(
                .notFound, "Its files are not installed: the page says how to get them", .string,
                contentType: "text/html"),
        ]
    ) { context in missingDocumentation(below: context.services.basePath).response(status: .notFound) }

    private static func missingDocumentation(below base: BasePath) -> HTMLPage {
        HTMLPage(
            title: "Flow Manager: documentation",
            content: """
                <h1>The documentation is not installed</h1>
                <p class="lead">Its page needs the files of Swagger UI, which are missing here. Everything else \
                works.</p>
                <ul>
                <li><a href="\(base)/openapi.json"><b>OpenAPI</b>\
                <span>Every call, for any viewer of such documents</span></a></li>
                <li><a href="\(base)/"><b>Start</b><span>What this is, and how to run a flow</span></a></li>
                </ul>
                <h2>To install it</h2>
                <p>With access to PyPI, <code>make run</code> fetches the files at its start, and the build of the
                container image includes them. For another web server, this command writes them:</p>
                <pre>deploy/static-files FOLDER</pre>
                <p><code>STATIC</code> names that folder to <code>deploy/render-nginx</code>.</p>
                """)
    }
}
