import App

/// The lines to paste into a web server's configuration.
extension WebHost {
    /// So that the header Authorization reaches the program.
    var linesForAuthorization: [String] {
        switch self {
        case .nginx: ["fastcgi_param HTTP_AUTHORIZATION $http_authorization;"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            [
                "# in <Directory>, <Location> or .htaccess", "CGIPassAuth On", "# or, before Apache 2.4.13:",
                "RewriteEngine On", "RewriteRule ^ - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
            ]
        case .lighttpd: ["# lighttpd passes the header: remove setenv.set-request-header of Authorization"]
        case .caddy: ["# Caddy passes the header: remove `header_up -Authorization`"]
        case .unknown: []
        }
    }

    /// So that bodies of the maximum length of any endpoint are accepted.
    var linesForBodies: [String] {
        let length = Routes.maximumBodyLength
        // mod_fcgid answers a longer body with 500: the program, which answers 413, needs to see it.
        let fcgid = [
            "# mod_fcgid: in the server's configuration, not in .htaccess", "FcgidMaxRequestLen \(2 * length)",
        ]
        return switch self {
        case .nginx: ["client_max_body_size \(length);"]
        case .fcgid: fcgid
        case .proxyFCGI, .apacheCGI: ["LimitRequestBody \(length)"]
        case .apache: ["LimitRequestBody \(length)"] + fcgid
        case .lighttpd: ["server.max-request-size = \(length >> 10)    # KiB"]
        case .caddy: ["request_body {", "    max_size \(length)", "}"]
        case .unknown: []
        }
    }

    /// So that the web server has read the whole body before the program gets the call.
    var linesForBuffering: [String] {
        switch self {
        case .nginx: ["fastcgi_request_buffering on;"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            [
                "# Apache forwards bodies as they come: this limits for how long",
                "RequestReadTimeout header=10-20,MinRate=500 body=15,MinRate=20000",
            ]
        case .lighttpd: ["server.stream-request-body = 0"]
        case .caddy: ["# in reverse_proxy; before Caddy 2.7: buffer_requests", "request_buffers 1MiB"]
        case .unknown: []
        }
    }

    /// So that each event of a stream reaches the client at once.
    var linesForStreams: [String] {
        switch self {
        case .nginx: ["# X-Accel-Buffering must not be in fastcgi_ignore_headers. Or:", "fastcgi_buffering off;"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            [
                "# at the end of the line with ProxyPass", "flushpackets=on",
                "# if mod_deflate compresses responses", "SetEnvIf Accept text/event-stream no-gzip",
            ]
        case .lighttpd: ["server.stream-response-body = 1"]
        case .caddy: ["# in reverse_proxy", "flush_interval -1"]
        case .unknown: []
        }
    }

    /// So that the program knows that the client uses TLS.
    var linesForHTTPS: [String] {
        switch self {
        case .nginx:
            [
                "fastcgi_param HTTPS $https if_not_empty;", "# if a proxy in front terminates TLS:",
                "fastcgi_param HTTPS on;",
            ]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache: ["# in the virtual host of the site with TLS", "SetEnv HTTPS on"]
        case .lighttpd: [#"setenv.add-environment = ( "HTTPS" => "on" )"#]
        case .caddy: ["# in `transport fastcgi`", "env HTTPS on"]
        case .unknown: ["HTTPS=on"]
        }
    }

    /// So that the client's address comes from the proxy in front only, which has the address 192.0.2.1 in these lines.
    var linesForClientAddress: [String] {
        let note = "# 192.0.2.1: the address of the proxy in front, if there is one"
        switch self {
        case .nginx:
            return [
                note, "set_real_ip_from 192.0.2.1;", "real_ip_header X-Forwarded-For;",
                "fastcgi_param REMOTE_ADDR $remote_addr;",
            ]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            return [note, "RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 192.0.2.1"]
        case .lighttpd: return [note, #"extforward.forwarder = ( "192.0.2.1" => "trust" )"#]
        case .caddy: return [note, "servers {", "    trusted_proxies static 192.0.2.1/32", "}"]
        case .unknown: return []
        }
    }

    /// So that calls that wait are not cut.
    var linesForWaits: [String] {
        switch self {
        case .nginx: ["fastcgi_read_timeout 60s;"]
        case .fcgid: ["# in the server's configuration, not in .htaccess", "FcgidIOTimeout 60"]
        case .proxyFCGI: ["ProxyTimeout 60"]
        case .apacheCGI, .apache: ["Timeout 60"]
        case .lighttpd: ["server.max-write-idle = 60"]
        case .caddy: ["# in `transport fastcgi`", "read_timeout 60s"]
        case .unknown: []
        }
    }

    /// So that the program recognizes the web server. The secret itself is never printed.
    var linesForGate: [String] {
        let value = "the-value-of-FLOW_GATE"
        return switch self {
        case .nginx: ["fastcgi_param FLOW_GATE \(value);"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache: ["SetEnv FLOW_GATE \(value)"]
        case .lighttpd: ["setenv.add-environment = ( \"FLOW_GATE\" => \"\(value)\" )"]
        case .caddy: ["# in `transport fastcgi`", "env FLOW_GATE \(value)"]
        case .unknown: ["FLOW_GATE=\(value)"]
        }
    }

    /// So that private files are not served. They belong outside of the document root.
    var linesForFiles: [String] {
        switch self {
        case .nginx: [#"location ~ (/\.|\.(env|log)$) {"#, "    return 404;", "}"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            [#"RedirectMatch 404 "(/\.(?!well-known)|\.(env|log)$)""#]
        case .lighttpd: [#"$HTTP["url"] =~ "(/\.|\.(env|log)$)" { url.access-deny = ( "" ) }"#]
        case .caddy: ["@private path */.* *.env *.log", "respond @private 404"]
        case .unknown: []
        }
    }

    /// So that no token is sent without TLS.
    var linesForRedirect: [String] {
        switch self {
        case .nginx: ["# in the server block of port 80", "return 308 https://$host$request_uri;"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache:
            [
                "RewriteEngine On", "RewriteCond %{HTTPS} off",
                "RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=308,L]",
            ]
        case .lighttpd:
            [
                #"$HTTP["scheme"] == "http" {"#, "    url.redirect-code = 308",
                #"    url.redirect = ( "" => "https://${url.authority}${url.path}${qsa}" )"#, "}",
            ]
        case .caddy: ["# Caddy redirects by itself: remove `auto_https off` and the site's http:// address"]
        case .unknown: []
        }
    }

    /// So that the program gets the target as the client has sent it.
    var linesForTarget: [String] {
        switch self {
        case .nginx: ["fastcgi_param REQUEST_URI $request_uri;"]
        case .fcgid, .proxyFCGI, .apacheCGI, .apache: ["AllowEncodedSlashes NoDecode"]
        case .lighttpd, .caddy, .unknown: []
        }
    }
}
