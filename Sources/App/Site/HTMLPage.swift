import Crypto
import HTTP

/// An HTML page without scripts or external resources. Its content security policy permits only its own style sheet and
/// icon.
struct HTMLPage: Sendable {
    let title: String
    /// HTML, inserted unchanged: the caller escapes or validates what comes from a request.
    let content: String

    func response(status: Status = .ok) -> Response {
        let html = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <link rel="icon" href="\(Self.icon)">
            <style>\(Self.style)</style>
            </head>
            <body>
            <main>
            \(content)
            </main>
            </body>
            </html>

            """
        return Response(
            status: status,
            headers: ["Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": Self.policy],
            body: Array(html.utf8))
    }

    /// Names the style sheet by its digest (Content Security Policy Level 3, section 2.3.1).
    private static let policy = {
        let digest = Base64URL.encode(Digest.sha256(style.utf8)).map { character -> Character in
            switch character {
            case "-": "+"
            case "_": "/"
            default: character
            }
        }
        return "default-src 'none'; style-src 'sha256-\(String(digest))='; img-src data:; base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'"
    }()

    /// An arrow on a blue square, the same as in `nginx/docs/index.html`.
    private static let icon =
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
        + "%3Crect width='16' height='16' rx='4' fill='%231f6feb'/%3E"
        + "%3Cpath d='M3.5 8h9M9 4.500l3.500 3.500L9 11.500' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"

    private static let style = """

        :root { --text: #1b2733; --quiet: #55626f; --page: #fff; --block: #f3f6f9; --line: #d8e0e8; --link: #0b5bd3 }
        @media (prefers-color-scheme: dark) {
          :root { --text: #e6edf3; --quiet: #9aa7b4; --page: #12181f; --block: #1b232c; --line: #313c48; \
        --link: #7ab4ff }
        }
        * { box-sizing: border-box }
        body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.6 system-ui, sans-serif }
        main { max-width: 54rem; margin: 0 auto; padding: 3rem 1.25rem 4rem }
        h1 { margin: 0; font-size: 2.25rem; line-height: 1.2; letter-spacing: -0.02em }
        h2 { margin: 2.5rem 0 0.75rem; font-size: 1.25rem }
        p { margin: 0.5rem 0 }
        .lead { margin: 0.75rem 0 2rem; color: var(--quiet); font-size: 1.125rem }
        a { color: var(--link) }
        ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 0.75rem; margin: 0; \
        padding: 0; list-style: none }
        li a { display: block; height: 100%; padding: 0.75rem 1rem; border: 1px solid var(--line); \
        border-radius: 0.5rem; color: inherit; text-decoration: none }
        li a:hover, li a:focus-visible { border-color: var(--link) }
        .first a { border-color: var(--link); background: var(--block) }
        li b { display: block; color: var(--link) }
        li span { color: var(--quiet); font-size: 0.9375rem }
        code, pre { font: 0.875rem/1.5 ui-monospace, monospace }
        pre { margin: 0.5rem 0 1.25rem; padding: 0.875rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; \
        background: var(--block); white-space: pre-wrap; overflow-wrap: anywhere; user-select: all }

        """
}
