import CPostgres
import System

/// The address of the database, the user, and the timeouts.
///
/// Made from what libpq accepts: a URL (`postgresql://user@host/database`; the `+psycopg2` of SQLAlchemy's URLs is
/// ignored) or `keyword=value` pairs. For what it does not name, libpq's defaults apply.
package struct PostgresConfiguration: Sendable {
    /// The maximum time the server spends on one statement before `SQLState.queryCanceled`; nil: no limit.
    package var statementTimeout: Duration? = .seconds(10)
    /// The maximum time a statement waits for a lock before `SQLState.lockNotAvailable`.
    package var lockTimeout: Duration? = .seconds(5)
    /// The maximum time that a transaction may be idle before the server ends the connection.
    package var idleInTransactionTimeout: Duration? = .seconds(10)
    /// The maximum time that the client waits for the results of one round trip before it closes the connection. Longer
    /// than `statementTimeout`, so that it expires only when the server or the network is silent.
    package var answerTimeout: Duration? = .seconds(15)
    /// Whether the session belongs to this client: statements are prepared once per connection, and the limits above
    /// are set when it opens.
    ///
    /// False behind a pgbouncer in transaction mode, which lends a session for one transaction. Then nothing is stored
    /// in the session: the limits are sent with each transaction, in its first round trip.
    package var preparesStatements = true
    /// Whether a session can listen for notifications: not behind a pooler that may give it to another client between
    /// two transactions.
    package var canListen: Bool { preparesStatements }
    /// Shared by the connections with waits that must not occupy all threads; nil: each wait lasts until its own limit.
    package var waitLimit: WaitLimit?
    /// Called on the thread of the connection.
    package var observe: @Sendable (PostgresEvent) -> Void = { _ in }

    /// libpq's keywords and their values, in the order of libpq's table.
    private var parameters: [Parameter]

    private struct Parameter: Sendable {
        let keyword: String
        var value: String
    }

    /// - Throws: `invalidConfiguration`; the error does not quote the string.
    package init(_ connectionString: String) throws(PostgresError) {
        parameters = try Self.parse(connectionString)
        if self["connect_timeout"] == nil { self["connect_timeout"] = "5" }
        // A server on another machine must prove its identity, unless the operator sets another `sslmode`. libpq
        // ignores this for unix sockets, which it usually uses when no host is named.
        if self["sslmode"] == nil && !namesOnlyLocalHosts { self["sslmode"] = "verify-full" }
    }

    /// A keyword of libpq, such as `dbname`, `user` or `password`; nil: libpq's default.
    package subscript(keyword: String) -> String? {
        get { parameters.first { $0.keyword == keyword }?.value }
        set {
            parameters.removeAll { $0.keyword == keyword }
            if let newValue { parameters.append(Parameter(keyword: keyword, value: newValue)) }
        }
    }

    /// The parameters with which libpq opens a connection.
    var connectionParameters: [(keyword: String, value: String)] {
        var configuration = self
        configuration["client_encoding"] = "UTF8"
        // A pooler does not accept `options`, so behind one none are added.
        if preparesStatements {
            let settings = (Array(serverSettings) + Array(planning)).map { "-c \($0)=\($1)" }
            configuration["options"] = ([self["options"]].compactMap(\.self) + settings + [Self.isolation]).joined(
                separator: " ")
        }
        if self["application_name"] == nil { configuration["fallback_application_name"] = "flow-manager" }
        return configuration.parameters.map { ($0.keyword, $0.value) }
    }

    /// Settings of the session. They are part of the connection request, so they cost no round trip. All on which the
    /// program relies are here, because a server, a database or a role may have others.
    private var serverSettings: KeyValuePairs<String, String> {
        [
            "statement_timeout": milliseconds(statementTimeout), "lock_timeout": milliseconds(lockTimeout),
            "idle_in_transaction_session_timeout": milliseconds(idleInTransactionTimeout), "timezone": "UTC",
            "datestyle": "ISO", "intervalstyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1",
            "standard_conforming_strings": "on", "transform_null_equals": "off", "array_nulls": "on",
        ]
    }

    /// How prepared statements are planned. Their plans are cached while tables grow: a plan made for an empty table
    /// would scan the whole table later, however large it is. If a plan has no index to use, its estimated cost is then
    /// extreme, which would trigger JIT compilation. No plan here depends on the bound values; but if the first plans
    /// were cheap because tables were empty, the server would plan every execution again, which costs more than the
    /// execution.
    private var planning: KeyValuePairs<String, String> {
        ["enable_seqscan": "off", "jit": "off", "plan_cache_mode": "force_generic_plan"]
    }

    /// A transaction that has begun cannot change it any more, so behind a pooler it must be the server's default.
    private static let isolation = "-c default_transaction_isolation=read\\ committed"

    /// The limits for one transaction, as its first statement; empty if the session has them.
    var transactionSettings: [SQL] {
        guard !preparesStatements else { return [] }
        let calls = serverSettings.map { "set_config(\($0), \($1), true)" as SQL }
        return ["SELECT \(calls.joined(separator: ", "))"]
    }

    /// For the server, where 0 means no limit.
    private func milliseconds(_ limit: Duration?) -> String { String(limit?.milliseconds ?? 0) }

    /// How long to wait for a connection, in seconds.
    var connectTimeout: Duration { .seconds(self["connect_timeout"].flatMap { Int($0) } ?? 5) }

    /// Whether libpq tries several servers, one after the other.
    var namesSeveralHosts: Bool { ["host", "hostaddr", "port"].contains { self[$0]?.contains(",") == true } }

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
    /// Host, port, user and database, never the password.
    package var description: String {
        let host = self["host"] ?? self["hostaddr"] ?? ""
        let port = self["port"].map { ":\($0)" } ?? ""
        let user = self["user"].map { "\($0)@" } ?? ""
        return "postgresql://\(user)\(host)\(port)/\(self["dbname"] ?? "")"
    }

    package var debugDescription: String { description }
}
