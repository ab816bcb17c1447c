package import JSON

extension Interface {
    /// The OpenAPI 3.1 document of the endpoints below that path.
    package func openAPI(below base: BasePath = .none) -> JSON {
        let schemas = NamedSchemas()
        var paths = JSONObject()
        for endpoint in endpoints {
            var operations = paths[endpoint.path]?.objectValue ?? JSONObject()
            let operation = OpenAPIOperation(endpoint: endpoint, variables: variables, schemas: schemas)
            operations[endpoint.method.rawValue.lowercased()] = operation.json
            paths[endpoint.path] = .object(operations)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .string(title), "version": .string(version), "summary": .string(summary),
                "description": .string(description + Interface.tableOfCodes),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [
                ["url": .string(base == .none ? "/" : base.description), "description": "Where this document was read"]
            ],
            "tags": .array(tags.map { ["name": .string($0.name), "description": .string($0.summary)] }),
            "paths": .object(paths),
            "components": [
                "schemas": schemas.json,
                "headers": .object(JSONObject(ResponseHeader.allCases.map(Interface.component))),
                "examples": .object(JSONObject(ProblemCode.allCases.map(Interface.component))),
                "securitySchemes": Interface.securitySchemes,
            ],
        ]
    }

    private static func component(_ header: ResponseHeader) -> JSONObject.Member {
        .init(
            name: header.rawValue,
            value: ["description": .string(header.summary), "schema": header.schema.json])
    }

    private static func component(_ code: ProblemCode) -> JSONObject.Member {
        .init(
            name: code.rawValue,
            value: [
                "summary": .string(code.message), "description": .string(code.remedy),
                "value": [
                    "message": .string(code.message), "code": .string(code.rawValue),
                    "request_id": "019a5f2e-7c1b-7000-8000-5f0c2b9d4e61",
                ],
            ])
    }

    private static var tableOfCodes: String {
        """


        ## Errors

        Every error response has one shape: `message` for people, `code` for programs, `request_id` for the operator,
        and `errors` where a body breaks its schema. (A run that failed is no error of the call: it is answered as a
        run, by `POST /flow-manager` with status 422.) Beside the errors that it lists, each call may answer 413, 414,
        429, 431, 500, 502 and 504. New codes may be added: treat an unknown one by its status.
        A task that fails adds codes of its own: `error.code` of its step, and the code of a 422 of
        `POST /api/operations/{type}/run`. Examples: `invalid_input`, `division_by_zero`, `timeout`.

        <details>
        <summary>All codes, and what to do about each</summary>

        | code | status | what happened | what to do |
        |---|---|---|---|

        """
            + ProblemCode.allCases.map {
                "| `\($0.rawValue)` | \($0.status.rawValue) | \($0.message) | \($0.remedy) |"
            }.joined(separator: "\n") + "\n\n</details>\n"
    }

    private static var securitySchemes: JSON {
        [
            "bearer": [
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description":
                    "The `access_token` of `POST /login`: it is valid for 30 minutes, `POST /refresh` renews it.",
            ],
            "apiKey": [
                "type": "http", "scheme": "bearer", "bearerFormat": "fm_…",
                "description":
                    "An API key of `POST /api/keys`, sent as a bearer token. The call requires the scope in brackets.",
            ],
            "cookie": [
                "type": "apiKey", "in": "cookie", "name": "access_token",
                "description": "For browsers: `POST /login` sets the cookie.",
            ],
            "csrf": [
                "type": "apiKey", "in": "header", "name": "X-CSRF-TOKEN",
                "description":
                    "Required with the cookie for calls that change data: `csrf_token` of the login or of `GET /csrf`.",
            ],
        ]
    }
}
