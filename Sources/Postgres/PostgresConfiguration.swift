import CPostgres

/// Where the database is, who asks, and how long anything may take.
///
/// Built from what libpq takes: a URL (`postgresql://user@host/database`; the `+psycopg2` of SQLAlchemy's URLs is
/// ignored) or `keyword=value` pairs. What it does not name, libpq takes from its own defaults.
package struct PostgresConfiguration: Sendable {
    /// How long the server works on one statement before it gives up with `SQLState.queryCanceled`; nil: no limit.
    package var statementTimeout: Duration? = .seconds(10)
    /// How long a statement waits for a lock before it gives up with `SQLState.lockNotAvailable`.
    package var lockTimeout: Duration? = .seconds(5)
    /// How long the server keeps a transaction in which nothing happens; then it ends the connection.
    package var idleInTransactionTimeout: Duration? = .seconds(10)
    /// How long this side waits for the answer to one round trip before it closes the connection. Longer than
    /// `statementTimeout`, so that it fires only when the server or the network is silent.
    package var answerTimeout: Duration? = .seconds(15)
    /// Whether the session is ours: statements are prepared once a connection, and the limits above set as it begins.
    ///
    /// Off for a pgbouncer in transaction mode, which lends a session for one transaction. Nothing is kept in it then:
    /// the limits travel with each transaction, in its first round trip.
    package var preparesStatements = true
    /// Whether a session can listen for notifications: not where a pooler may give it to another client between two of
    /// its transactions.
    package var canListen: Bool { preparesStatements }

    /// Keywords of libpq with their values, in the order of libpq's table.
    private var parameters: [Parameter]

    private struct Parameter: Sendable {
        let keyword: String
        var value: String
    }

    /// - Throws: `invalidConfiguration`; the error quotes nothing of the string.
    package init(_ connectionString: String) throws(PostgresError) {
        parameters = try Self.parse(connectionString)
        if self["connect_timeout"] == nil { self["connect_timeout"] = "5" }
        // A server elsewhere has to prove who it is, unless the operator says otherwise. libpq ignores this for unix
        // sockets, which is what no host at all usually means.
        if self["sslmode"] == nil && !namesOnlyLocalHosts { self["sslmode"] = "verify-full" }
    }

    /// A keyword of libpq, such as `dbname`, `user` or `password`; nil leaves it to libpq's default.
    package subscript(keyword: String) -> String? {
        get { parameters.first { $0.keyword == keyword }?.value }
        set {
            parameters.removeAll { $0.keyword == keyword }
            if let newValue { parameters.append(Parameter(keyword: keyword, value: newValue)) }
        }
    }

    /// What is handed to libpq when a connection is opened.
    var connectionParameters: [(keyword: String, value: String)] {
        var configuration = self
        configuration["client_encoding"] = "UTF8"
        // A pooler takes no `options`, so none are sent where they would be only ours.
        if preparesStatements {
            let settings = (Array(serverSettings) + Array(planning)).map { "-c \($0)=\($1)" }
            configuration["options"] = ([self["options"]].compactMap(\.self) + settings).joined(separator: " ")
        }
        if self["application_name"] == nil { configuration["fallback_application_name"] = "flow-manager" }
        return configuration.parameters.map { ($0.keyword, $0.value) }
    }

    /// Settings of the session. They travel with the connection request and so cost no round trip.
    private var serverSettings: KeyValuePairs<String, String> {
        [
            "statement_timeout": milliseconds(statementTimeout), "lock_timeout": milliseconds(lockTimeout),
            "idle_in_transaction_session_timeout": milliseconds(idleInTransactionTimeout), "timezone": "UTC",
        ]
    }

    /// How statements are planned that are prepared once. Their plans are kept while tables grow: made for a table that
    /// was empty, one reads all of it, however much that is later. Where there is no index for a plan to use, its
    /// estimate is beyond measure, and would have it compiled. Values change no plan of ours; but where the first plans
    /// were cheap because tables were empty, the server would plan anew each time, which costs more than to execute.
    private var planning: KeyValuePairs<String, String> {
        ["enable_seqscan": "off", "jit": "off", "plan_cache_mode": "force_generic_plan"]
    }

    /// The limits for one transaction, as its first statement; none where the session has them.
    var transactionSettings: [SQL] {
        guard !preparesStatements else { return [] }
        let calls = serverSettings.map { "set_config(\($0), \($1), true)" as SQL }
        return ["SELECT \(calls.joined(separator: ", "))"]
    }

    /// For the server, to which 0 is no limit.
    private func milliseconds(_ limit: Duration?) -> String { String(limit?.milliseconds ?? 0) }

    private var namesOnlyLocalHosts: Bool {
        guard let hosts = self["hostaddr"] ?? self["host"] else { return false }
        return hosts.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { host in
            host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host == "::1"
                || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
        }
    }

    private static func parse(_ connectionString: String) throws(PostgresError) -> [Parameter] {
        var text = connectionString
        if let range = text.firstRange(of: "+psycopg2://"), text[..<range.lowerBound].allSatisfy(\.isLetter) {
            text.replaceSubrange(range, with: "://")
        }
        guard !text.utf8.contains(0), let options = unsafe PQconninfoParse(text, nil) else {
            throw PostgresError(.invalidConfiguration)
        }
        defer { unsafe PQconninfoFree(options) }
        var parameters: [Parameter] = []
        var next = unsafe options
        while let keyword = unsafe next.pointee.keyword {
            if let value = unsafe next.pointee.val {
                unsafe parameters.append(
                    Parameter(keyword: String(cString: keyword), value: String(cString: value)))
            }
            unsafe next += 1
        }
        return parameters
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// Where and who, never the password.
    package var description: String {
        let place = self["host"] ?? self["hostaddr"] ?? ""
        let port = self["port"].map { ":\($0)" } ?? ""
        let user = self["user"].map { "\($0)@" } ?? ""
        return "postgresql://\(user)\(place)\(port)/\(self["dbname"] ?? "")"
    }

    package var debugDescription: String { description }
}

extension Duration {
    /// In whole milliseconds, rounded up: a limit of a microsecond must not become none.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
