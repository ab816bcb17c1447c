import Flows
import HTTP
import JSON

/// The calls that a browser makes: with cookies, and with a CSRF token if they change something.
enum CookieMode {
    static let folder = PostmanFolder(
        "Cookie mode",
        "What a page does instead of sending a bearer token. Postman keeps the cookies that the login sets.",
        calls: [
            call(
                "login",
                Example(
                    "Log in and get the cookies", body: ["email": "{{email}}", "password": "{{password}}"],
                    stores: ["X-CSRF-TOKEN": "/csrf_token"])),
            call("getMe", Example("Read your account by cookie", as: .cookieWithoutProof)),
            call(
                "runFlow",
                Example(
                    "Run the demo chain without the CSRF token: refused", body: ["flow": FlowFormat.example],
                    status: .forbidden, as: .cookieWithoutProof)),
            call(
                "runFlow",
                Example("Run the demo chain with the CSRF token", body: ["flow": FlowFormat.example], as: .cookie)),
            call("refresh", Example("Renew the cookies", stores: ["X-CSRF-TOKEN": "/csrf_token"])),
            call("logout", Example("Log out", as: .cookie)),
        ].compactMap(\.self))

    private static func call(_ operation: String, _ example: Example) -> ExampleCall? {
        Routes.all.first { $0.operation == operation }.map { ExampleCall(example, of: $0) }
    }
}
