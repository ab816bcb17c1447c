package import JSON

/// A folder of a Postman collection with its own calls, in addition to the folders of the tags.
package struct PostmanFolder: Sendable {
    package let name: String
    package let summary: String
    package let calls: [ExampleCall]

    package init(_ name: String, _ summary: String, calls: [ExampleCall]) {
        self.name = name
        self.summary = summary
        self.calls = calls
    }
}

extension Interface {
    /// The calls of each tag in order, then the folders given: everything that a new user can do, in a working order.
    package func folders(adding additional: [PostmanFolder]) -> [PostmanFolder] {
        tags.map { tag in
            PostmanFolder(tag.name, tag.summary, calls: endpoints.filter { $0.tag == tag }.flatMap(\.calls))
        } + additional
    }

    /// A collection of these folders, in Postman's schema v2.1.
    package func postmanCollection(of folders: [PostmanFolder]) -> JSON {
        [
            "info": [
                "_postman_id": "6f1c3a52-0d7e-4b57-9c1e-2f3b8a9d4e10", "name": .string(title),
                "description": .string(summary + " Run the folders from top to bottom, as one new user would."),
                "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
            ],
            "auth": Interface.bearer("token"),
            "variable": .array(
                variables.map {
                    [
                        "key": .string($0.name), "value": .string($0.initial), "type": "string",
                        "description": .string($0.summary),
                    ]
                }),
            "item": .array(
                folders.map { folder in
                    [
                        "name": .string(folder.name), "description": .string(folder.summary),
                        "item": .array(folder.calls.map(Interface.item)),
                    ]
                }),
        ]
    }

    private static func bearer(_ variable: String) -> JSON {
        ["type": "bearer", "bearer": [["key": "token", "value": .string("{{\(variable)}}"), "type": "string"]]]
    }

    private static func item(_ call: ExampleCall) -> JSON {
        var request = JSONObject([
            .init(name: "method", value: .string(call.method.rawValue)),
            .init(name: "description", value: .string(call.description)),
        ])
        switch call.credentials {
        case .token("token"): break
        case .token(let variable): request["auth"] = bearer(variable)
        case .none, .cookie, .cookieWithoutProof: request["auth"] = ["type": "noauth"]
        }
        var headers = call.headers.map { field($0.name, $0.value) }
        if call.credentials == .cookie { headers.append(field("X-CSRF-TOKEN", "{{X-CSRF-TOKEN}}")) }
        if let body = call.body {
            if !call.isForm { headers.append(field("Content-Type", "application/json")) }
            request["body"] = call.isForm ? form(body) : raw(body)
        }
        request["header"] = .array(headers)
        request["url"] = url(call)
        var events: [JSON] = [event("test", test(call))]
        if call.body?.variables.contains("otp") == true { events.insert(event("prerequest", oneTimePassword), at: 0) }
        return ["name": .string(call.title), "event": .array(events), "request": .object(request), "response": []]
    }

    private static func field(_ name: String, _ value: String) -> JSON {
        ["key": .string(name), "value": .string(value)]
    }

    private static func raw(_ body: JSON) -> JSON {
        ["mode": "raw", "raw": .string(body.indentedText), "options": ["raw": ["language": "json"]]]
    }

    private static func form(_ body: JSON) -> JSON {
        let fields = body.objectValue?.members ?? []
        return [
            "mode": "urlencoded",
            "urlencoded": .array(
                fields.map { ["key": .string($0.name), "value": $0.value, "type": "text"] }),
        ]
    }

    private static func url(_ call: ExampleCall) -> JSON {
        let query = call.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        var url = JSONObject([
            .init(name: "raw", value: .string("{{URL}}\(call.path)" + (query.isEmpty ? "" : "?\(query)"))),
            .init(name: "host", value: ["{{URL}}"]),
            .init(name: "path", value: .array(call.path.split(separator: "/").map { .string(String($0)) })),
        ])
        if !call.query.isEmpty {
            url["query"] = .array(call.query.map { field($0.name, $0.value) })
        }
        return .object(url)
    }
}

extension Interface {
    private static func event(_ listen: String, _ lines: [String]) -> JSON {
        ["listen": .string(listen), "script": ["type": "text/javascript", "exec": .array(lines.map(JSON.string))]]
    }

    private static func test(_ call: ExampleCall) -> [String] {
        let status = call.status.rawValue
        let check = "pm.test(\"answers \(status)\", function () { pm.response.to.have.status(\(status)); });"
        guard !call.stores.isEmpty else { return [check] }
        let sets = call.stores.map { stored in
            let path = stored.pointer.split(separator: "/").map { Int($0).map { "[\($0)]" } ?? "[\"\($0)\"]" }.joined()
            return "    pm.collectionVariables.set(\"\(stored.variable)\", pm.response.json()\(path));"
        }
        return [check, "if (pm.response.code === \(status)) {"] + sets + ["}"]
    }

    /// Sets `otp` to the code that an authenticator app shows for `totp_secret` (RFC 6238 with its defaults).
    private static var oneTimePassword: [String] {
        [
            "const letters = \"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567\";",
            "const secret = pm.collectionVariables.get(\"totp_secret\");",
            "const bits = Array.from(secret, l => letters.indexOf(l).toString(2).padStart(5, \"0\")).join(\"\");",
            "const bytes = bits.match(/.{8}/g).map(b => parseInt(b, 2).toString(16).padStart(2, \"0\")).join(\"\");",
            "const step = Math.floor(Date.now() / 30000).toString(16).padStart(16, \"0\");",
            "const key = CryptoJS.enc.Hex.parse(bytes);",
            "const code = CryptoJS.HmacSHA1(CryptoJS.enc.Hex.parse(step), key).toString();",
            "const at = 2 * parseInt(code.slice(-1), 16);",
            "const number = (parseInt(code.slice(at, at + 8), 16) & 0x7fffffff) % 1000000;",
            "pm.collectionVariables.set(\"otp\", String(number).padStart(6, \"0\"));",
        ]
    }
}
