import HTTP

/// The web server of a site, and how it starts the program: what the lines to paste depend on.
enum WebHost: String, Sendable, CaseIterable {
    case nginx
    /// Apache with mod_fcgid, which starts the processes itself.
    case fcgid = "Apache with mod_fcgid"
    /// Apache with mod_proxy_fcgi, beside `flow-manager serve`.
    case proxyFCGI = "Apache with mod_proxy_fcgi"
    case apacheCGI = "Apache with CGI"
    /// Apache, of which only the name is known.
    case apache = "Apache"
    case lighttpd
    case caddy = "Caddy"
    case unknown = "an unknown web server"

    /// - Parameters:
    ///   - server: the header `Server` of a response. A proxy in front of the web server may have set it, so what the
    ///     program reports takes precedence.
    init(server: String?, _ arrival: Arrival?) {
        switch arrival?.webServer ?? server.flatMap({ WebServer(software: $0) }) {
        case .nginx: self = .nginx
        case .lighttpd: self = .lighttpd
        case .caddy: self = .caddy
        case nil: self = .unknown
        case .apache:
            guard let arrival else {
                self = .apache
                return
            }
            self = arrival.isCGI ? .apacheCGI : arrival.isSupervised ? .proxyFCGI : .fcgid
        }
    }

    var isApache: Bool { [.fcgid, .proxyFCGI, .apacheCGI, .apache].contains(self) }
}
