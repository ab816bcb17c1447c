extension Endpoint {
    /// The description, who may call, and the limit, in Markdown: what a reader needs to know beyond the summary.
    var details: String { [description, accessText + rateText].compactMap(\.self).joined(separator: "\n\n") }

    private var rateText: String { rateClass.countsCalls ? " Its rate limit is `\(rateClass.rawValue)`." : "" }

    private var accessText: String {
        switch access {
        case .everyone: "No token is needed."
        case .operators:
            """
            Only for callers at the addresses that the operator allows, by default those of the same machine without a
            further proxy, and for callers with the operator's own bearer token; others get a 404.
            """
        case .user:
            limitedScope.map {
                "API keys need the scope `\(scope.rawValue)`, or `\($0.rawValue)` for what the key has started."
            } ?? "API keys need the scope `\(scope.rawValue)`."
        case .session: "Needs a login: API keys are refused."
        case .account: "Needs a login with an account: API keys and guests are refused."
        case .member: "Guests are refused. API keys need the scope `\(scope.rawValue)`."
        case .admin: "Only for admins. Their API keys need the scope `admin`."
        }
    }
}
