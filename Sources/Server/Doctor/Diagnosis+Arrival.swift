import HTTPClient
import System

/// How the program sees the connection of a call.
extension Diagnosis {
    /// - Parameter forged: a call that says of itself that it was forwarded, with or without TLS: the opposite of what
    ///   is true.
    func https(_ arrival: Arrival, forged: Arrival) -> Finding {
        let check = "https"
        guard arrival.isSecure == site.isSecure else {
            return .failure(
                check,
                site.isSecure
                    ? "The program does not know that the client uses TLS: its cookies are not Secure, and calls of "
                        + "its own pages are refused."
                    : "The web server says that the client uses TLS, which it does not.",
                site.isSecure ? host.linesForHTTPS : [])
        }
        guard forged.isSecure == site.isSecure else {
            return .failure(
                check, "The client decides by X-Forwarded-Proto whether it uses TLS: accept it from a proxy only.")
        }
        return withoutTLS ?? .ok(check, "The program knows \(site.isSecure ? "that" : "whether") the client uses TLS.")
    }

    /// Nil for a site with TLS, and for one that only this machine reaches.
    var withoutTLS: Finding? {
        guard !site.isSecure, !site.isLocal else { return nil }
        return .warning(
            "https",
            "The site has no TLS: passwords and tokens can be read on the way. Install a certificate, for example by "
                + "certbot, and pass the https:// URL.")
    }

    /// - Parameters:
    ///   - forged: a call that pretends to be forwarded for `address`.
    ///   - transfer: the addresses of the connection of `arrival`.
    func client(_ arrival: Arrival, forged: Arrival, address: String, _ transfer: TransferDetails) -> Finding {
        let check = "client"
        guard forged.client != address else {
            return .failure(
                check,
                "The web server believes any client's X-Forwarded-For, so that a client can evade all limits of "
                    + "addresses. Trust the proxy in front only.", host.linesForClientAddress)
        }
        guard let client = IPAddress(parsing: arrival.client) else {
            return .failure(
                check, "The web server does not pass the client's address (REMOTE_ADDR).", host.linesForClientAddress)
        }
        if let own = IPAddress(parsing: transfer.clientAddress), own == client {
            return .ok(check, "The program sees this machine's address, \(arrival.client).")
        }
        let isFromOutside = IPAddress(parsing: transfer.serverAddress)?.isPublic ?? false
        guard !isFromOutside || client.isPublic else {
            return .warning(
                check,
                "The program sees \(arrival.client), which is not this machine's public address: that of a proxy "
                    + "in front? Then all clients share their limits.", host.linesForClientAddress)
        }
        return .ok(check, "The program sees \(arrival.client), which a client cannot forge.")
    }

    func gate(_ arrival: Arrival) -> Finding {
        let check = "gate"
        if arrival.isCGI { return .ok(check, "CGI needs no FLOW_GATE: the web server starts each process.") }
        // The samples of deploy/ have none there.
        if host == .fcgid, !arrival.hasPassedGate {
            return .ok(check, "mod_fcgid needs no FLOW_GATE: only Apache reaches the sockets of its processes.")
        }
        guard arrival.hasPassedGate else {
            return .warning(
                check,
                "FLOW_GATE is not set: connections to the program are not kept, and who can write to its socket can "
                    + "forge calls. Set it in the settings, and make the web server send it.", host.linesForGate)
        }
        return .ok(check, "The web server proves itself by FLOW_GATE.")
    }

    /// - Parameter sent: the target as it was sent, with the base path.
    func target(_ arrival: Arrival, sent: String) -> Finding {
        let check = "path"
        let below = String(sent.dropFirst(site.basePath.count))
        switch arrival.target {
        case sent: return .ok(check, "The path and the query reach the program as they were sent.")
        case below:
            return .warning(
                check,
                "The web server removes \(site.basePath) from the path, so that links in the program's pages lead "
                    + "elsewhere. Make it pass the path unchanged, and set BASE_PATH=\(site.basePath).",
                host.linesForTarget)
        default:
            return .failure(
                check, "The web server changes the path: \(sent) arrives as \(arrival.target).", host.linesForTarget)
        }
    }

    func memory(_ arrival: Arrival) -> Finding {
        let check = "memory"
        guard arrival.sharesMemory else {
            return .warning(
                check,
                "The processes count failed logins and used tokens each on its own. Set STATE_DIR to a folder that "
                    + "only the program's user may write.")
        }
        return .ok(check, "The processes count calls and failed logins together.")
    }

    func database(_ arrival: Arrival) -> [Finding] {
        guard arrival.hasDatabase else {
            return [
                .failure(
                    "database", "The program does not reach the database: its log has the reason; see DATABASE_URL.")
            ]
        }
        let schema: Finding =
            arrival.isMigrated
            ? .ok("migrations", "The schema is up to date.")
            : .failure("migrations", "Migrations are missing: run flow-manager migrate.")
        let clock = arrival.databaseTime.map {
            Self.clock("The clocks of the program and the database", ahead: $0 - arrival.time)
        }
        return [.ok("database", "The database answers."), schema] + [clock].compactMap(\.self)
    }

    /// Why a token of these settings is not accepted.
    static func refusedToken(_ answer: SiteAnswer) -> Finding {
        .failure(
            "settings",
            "The site does not accept the token of these settings (\(answer.summary)): its JWT_SECRET_KEY is another "
                + "one, its clock differs by minutes, an older version runs there, or /doctor or its header "
                + "does not reach the program. What follows is what can be seen from outside.")
    }
}
