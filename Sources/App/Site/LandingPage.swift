import Flows
import HTTP
import JSON

/// The page at `/`: what the product is, where the documentation is, and three commands to paste into a shell.
enum LandingPage {
    static func response(to request: Request, below base: BasePath) -> Response {
        let content = introduction(base) + commands(BaseURL(of: request, base))
        return HTMLPage(title: "Flow Manager", content: content).response()
    }

    private static func introduction(_ base: BasePath) -> String {
        """
        <h1>Flow Manager</h1>
        <p class="lead">Log in, post a chain of tasks, get the answer. Every run is on record.</p>
        <ul>
        <li class="first"><a href="\(base)/docs"><b>Documentation</b>\
        <span>Every call, to read and try out</span></a></li>
        <li><a href="\(base)/openapi.json"><b>OpenAPI</b><span>The same, for programs</span></a></li>
        <li><a href="\(base)/postman.json"><b>Postman</b><span>The same, as a collection</span></a></li>
        <li><a href="\(base)/api/task-types"><b>Task types</b><span>What the tasks of a flow can do</span></a></li>
        <li><a href="\(base)/health"><b>Health</b><span>Is the process up?</span></a></li>
        <li><a href="\(base)/ready"><b>Readiness</b><span>Is the database ready?</span></a></li>
        </ul>

        """
    }

    /// The commands work in every profile, because the first one creates an account.
    private static func commands(_ url: BaseURL) -> String {
        let account = #"{"email":"you@example.org","password":"lasting impression"}"#
        let curl = url.isSelfSigned ? "curl -sk" : "curl -s"
        return """
            <h2>Run a flow from a shell</h2>
            <p>Once: create an account, with an e-mail and a password of your own.</p>
            <pre>\(curl) \(url)/register -H 'Content-Type: application/json' \\
              -d '\(account)'</pre>
            <p>Log in. The token is valid for 30 minutes.</p>
            <pre>TOKEN=$(\(curl) \(url)/login -H 'Content-Type: application/json' \\
              -d '\(account)' \\
              | sed -n 's/.*"token":"\\([^"]*\\)".*/\\1/p')</pre>
            <p>Run a flow of three tasks. The answer says what each gave, and which condition led to the next.</p>
            <pre>\(curl) \(url)/flow-manager -H "Authorization: Bearer $TOKEN" \\
              -H 'Content-Type: application/json' -d '\(flow)'</pre>
            """
    }

    private static let flow = (["flow": FlowFormat.example] as JSON).indentedText
}
