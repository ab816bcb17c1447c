/// One setting, which comes from the environment or a file of `NAME=value` lines.
struct Setting: Sendable {
    let name: String
    /// Empty for a setting without a default.
    let defaultValue: String
    /// Whether the value must never be printed.
    let isSecret: Bool
    let summary: String

    private init(_ name: String, _ defaultValue: String, isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.summary = summary
    }

    /// All settings. `flow-manager config` prints their names and values; the README prints the table.
    static let all: [Setting] = [
        Setting(
            "CONFIG_TYPE", "production",
            "Profile: `production`, or `demo`, which allows accounts with well-known passwords"),
        Setting(
            "DATABASE_URL", "", isSecret: true,
            "Postgres connection URL, `postgresql://…`. Alternative name: `AWS_PGSQL_PATH`"),
        Setting(
            "MIGRATION_DATABASE_URL", "", isSecret: true,
            "Connection URL of the tables' owner, for `migrate`. Default: `DATABASE_URL`"),
        Setting(
            "DB_HOST", "",
            "Database host, instead of `DATABASE_URL`. libpq's defaults apply to unset `DB_…` settings"),
        Setting("DB_PORT", "", "Database port"),
        Setting("DB_NAME", "", "Database name"),
        Setting("DB_USER", "", "Database role of the application"),
        Setting("DB_PASSWORD", "", isSecret: true, "Password of `DB_USER`"),
        Setting("DB_SSL_MODE", "", "libpq's `sslmode`. Use `verify-full` for a remote host"),
        Setting(
            "DB_PREPARE", "on",
            "Set `off` for pgbouncer in transaction mode, and `MIGRATION_DATABASE_URL` to bypass pgbouncer"),
        Setting(
            "JWT_SECRET_KEY", "", isSecret: true,
            "First key that signs access tokens, at least 32 bytes. `keys rotate jwt` creates later keys"),
        Setting(
            "JWT_PREVIOUS_SECRET_KEY", "", isSecret: true,
            "Previous `JWT_SECRET_KEY`, which still verifies tokens"),
        Setting(
            "SEALING_KEY", "", isSecret: true,
            "Key that encrypts secrets in the database, at least 32 bytes. Required to store secrets"),
        Setting("SEALING_PREVIOUS_KEY", "", isSecret: true, "Previous `SEALING_KEY`, which still decrypts secrets"),
        Setting("JWT_ISSUER", "flow-manager", "`iss` of the access tokens"),
        Setting("JWT_AUDIENCE", "flow-manager", "`aud` of the access tokens"),
        Setting("CLERK_FRONTEND_URL", "", "URL of Clerk's Frontend API, to accept tokens that Clerk issues"),
        Setting("CLERK_SECRET_KEY", "", isSecret: true, "Accepted, but not used"),
        Setting(
            "OIDC_ISSUER", "",
            "`iss` of an OpenID Connect provider, an https:// URL, to accept tokens that it issues"),
        Setting("OIDC_AUDIENCE", "", "Accepted `aud` of external tokens, comma-separated. Required with `OIDC_ISSUER`"),
        Setting(
            "AUTHORIZED_PARTIES", "",
            "Accepted `azp` of external tokens, comma-separated. Required with `CLERK_FRONTEND_URL`"),
        Setting(
            "HTTP_ALLOW_ADDRESSES", "",
            "Private addresses that outgoing requests may reach, over http too: `10.0.0.0/8,10.1.2.3:80`"),
        Setting(
            "FLOW_GATE", "", isSecret: true,
            "Secret that the web server sends with each request, at least 32 bytes"),
        Setting(
            "SOCKET", "/run/flow-manager/flow-manager.sock",
            "Unix socket on which the responders listen, at most 107 bytes"),
        Setting("RESPONDERS", "2", "Number of responder processes"),
        Setting("THREADS", "4", "Threads per responder, each with its own database connection"),
        Setting("WORKERS", "1", "Number of worker processes, which execute queued runs"),
        Setting(
            "WORKER_THREADS", "4",
            "Threads per worker, each with its own database connection. A worker has one more of both"),
        Setting("LOG_FILE", "", "File to append the log to. Default: standard error"),
        Setting(
            "LOGIN_CREATES_ACCOUNT", "",
            "Whether a login with an unknown e-mail creates the account. Default: `on` in the demo profile, else `off`"),
        Setting("CLIENT_CREDITS", "", "Credits of a new client. Default: 20 in the demo profile, else 0"),
        Setting("GUEST_CREDITS", "", "Credits of a new guest. Default: 50 in the demo profile, else 0"),
        Setting(
            "FRONTEND_URL", "",
            "Origins that may call with cookies and read the responses (CORS), comma-separated"),
        Setting(
            "USER_CONCURRENCY", "off",
            "Limit of queued runs that execute at the same time, per user. `off`: no limit"),
        Setting("LOGIN_THROTTLE", "on", "`off`: no delay after failed logins"),
        Setting("REGISTRATION_LIMIT", "20", "Limit of new accounts per minute, per network address. `off`: no limit"),
        Setting("CLIENT_PASSWORD", "Test1234!", isSecret: true, "Password of the demo profile's client"),
        Setting(
            "ADMIN_EMAIL", "",
            "E-mail of the first admin. `migrate` creates the account, unless this e-mail is or was in use"),
        Setting(
            "ADMIN_PASSWORD", "", isSecret: true,
            "Password of the first admin and of the demo profile's admin. Default in the demo profile: `adminpass`"),
    ]
}
