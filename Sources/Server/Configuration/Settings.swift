import App
import HTTP
import HTTPClient
import System

/// Which accounts and values are permitted.
enum Profile: String {
    case production
    case demo
}

/// All settings, each of them one entry. `flow-manager config` prints their names and values, and the README has the
/// table. A property is read as `configuration.NAME`.
struct Settings: Sendable {
    let configType = Setting(
        "CONFIG_TYPE", default: .text("production"), .profile,
        "Profile: `production`, or `demo`, which allows accounts with well-known passwords")

    let databaseURL = Setting<String?>(
        "DATABASE_URL", otherName: "AWS_PGSQL_PATH", ifUnset: nil, isSecret: true, .text,
        "Postgres connection URL, `postgresql://…`. Alternative name: `AWS_PGSQL_PATH`")

    let migrationDatabaseURL = Setting<String?>(
        "MIGRATION_DATABASE_URL", ifUnset: nil, isSecret: true, .text,
        "Connection URL of the tables' owner, for `migrate`. Default: `DATABASE_URL`")

    let dbHost = Setting<String?>(
        "DB_HOST", ifUnset: nil, .text,
        "Database host, instead of `DATABASE_URL`. libpq's defaults apply to unset `DB_…` settings")

    let dbPort = Setting<String?>("DB_PORT", ifUnset: nil, .text, "Database port")

    let dbName = Setting<String?>("DB_NAME", ifUnset: nil, .text, "Database name")

    let dbUser = Setting<String?>("DB_USER", ifUnset: nil, .text, "Database role of the application")

    let dbPassword = Setting<String?>("DB_PASSWORD", ifUnset: nil, isSecret: true, .text, "Password of `DB_USER`")

    let dbSSLMode = Setting<String?>(
        "DB_SSL_MODE", ifUnset: nil, .text, "libpq's `sslmode`. Use `verify-full` for a remote host")

    let dbPrepare = Setting(
        "DB_PREPARE", default: .text("on"), .onOrOff,
        "Set `off` for pgbouncer in transaction mode, and `MIGRATION_DATABASE_URL` to bypass pgbouncer")

    let autoMigrate = Setting(
        "AUTO_MIGRATE", default: .text("off"), .onOrOff,
        "`on`: a process without a supervisor (CGI, mod_fcgid, `work`) does at its start what `migrate` does, if this "
            + "program has not done so yet for this database. `STATE_DIR` has a file that says so")

    let jwtSecretKey = Setting<[UInt8]>(
        "JWT_SECRET_KEY", isSecret: true, .secret,
        "First key that signs access tokens, at least 32 bytes. `keys rotate jwt` creates later keys")

    let jwtPreviousSecretKey = Setting<[UInt8]?>(
        "JWT_PREVIOUS_SECRET_KEY", ifUnset: nil, isSecret: true, .secret,
        "Previous `JWT_SECRET_KEY`, which still verifies tokens")

    let sealingKey = Setting<[UInt8]?>(
        "SEALING_KEY", ifUnset: nil, isSecret: true, .secret,
        "Key that encrypts secrets in the database, at least 32 bytes. Required to store secrets")

    let sealingPreviousKey = Setting<[UInt8]?>(
        "SEALING_PREVIOUS_KEY", ifUnset: nil, isSecret: true, .secret,
        "Previous `SEALING_KEY`, which still decrypts secrets")

    let jwtIssuer = Setting<String>(
        "JWT_ISSUER", default: .text("flow-manager"), .text, "`iss` of the access tokens")

    let jwtAudience = Setting<String>(
        "JWT_AUDIENCE", default: .text("flow-manager"), .text, "`aud` of the access tokens")

    let clerkFrontendURL = Setting<String?>(
        "CLERK_FRONTEND_URL", ifUnset: nil, .text, "URL of Clerk's Frontend API, to accept tokens that Clerk issues")

    let clerkSecretKey = Setting<String?>(
        "CLERK_SECRET_KEY", ifUnset: nil, isSecret: true, .text,
        "Key of Clerk's Backend API, from which the verified e-mail of a user is fetched after the first call. Unset: "
            + "it stays unknown, unless the token has it")

    let clerkAPIURL = Setting<String>(
        "CLERK_API_URL", default: .text("https://api.clerk.com"), .text, "URL of Clerk's Backend API")

    let oidcIssuer = Setting<String?>(
        "OIDC_ISSUER", ifUnset: nil, .text,
        "`iss` of an OpenID Connect provider, an https:// URL, to accept tokens that it issues")

    let oidcAudience = Setting(
        "OIDC_AUDIENCE", ifUnset: [], .list,
        "Accepted `aud` of external tokens, comma-separated. Required with `OIDC_ISSUER`")

    let authorizedParties = Setting(
        "AUTHORIZED_PARTIES", ifUnset: [], .list,
        "Accepted `azp` of external tokens, comma-separated. Required with `CLERK_FRONTEND_URL`")

    let httpAllowAddresses = Setting(
        "HTTP_ALLOW_ADDRESSES", ifUnset: [], .addresses,
        "Private addresses that outgoing requests may reach, over http too: `10.0.0.0/8,10.1.2.3:80`")

    let useDBSecrets = Setting(
        "USE_DB_SECRETS", default: .text("true"), .trueOrFalse,
        "Where the values of credentials are kept: `true`, in the database; `false`, in AWS Secrets Manager")

    let awsRegion = Setting<String>("AWS_REGION", default: .text("us-east-1"), .text, "Region of AWS' services")

    let secretsEndpointURL = Setting<String?>(
        "SECRETS_ENDPOINT_URL", ifUnset: nil, .text, "URL of Secrets Manager. Default: AWS' own in `AWS_REGION`")

    let awsAccessKeyID = Setting<String?>(
        "AWS_ACCESS_KEY_ID", ifUnset: nil, .text,
        "Key for AWS. Without it, the settings below name the source: a web identity, a container's endpoint, or EC2")

    let awsSecretAccessKey = Setting<String?>(
        "AWS_SECRET_ACCESS_KEY", ifUnset: nil, isSecret: true, .text, "The secret of `AWS_ACCESS_KEY_ID`")

    let awsSessionToken = Setting<String?>(
        "AWS_SESSION_TOKEN", ifUnset: nil, isSecret: true, .text, "The token of a temporary `AWS_ACCESS_KEY_ID`")

    let awsRoleARN = Setting<String?>(
        "AWS_ROLE_ARN", ifUnset: nil, .text, "Role of the web identity, as EKS sets it")

    let awsWebIdentityTokenFile = Setting<String?>(
        "AWS_WEB_IDENTITY_TOKEN_FILE", ifUnset: nil, .text, "File with the token of the web identity")

    let awsTokenServiceURL = Setting<String?>(
        "AWS_ENDPOINT_URL_STS", ifUnset: nil, .text,
        "URL of the security token service. Default: AWS' own in `AWS_REGION`")

    let awsContainerRelativeURI = Setting<String?>(
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ifUnset: nil, .text, "Path of the keys at the endpoint of ECS")

    let awsContainerFullURI = Setting<String?>(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", ifUnset: nil, .text, "URL of the keys of a container, as EKS sets it")

    let awsContainerToken = Setting<String?>(
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", ifUnset: nil, isSecret: true, .text, "Token for that endpoint")

    let awsContainerTokenFile = Setting<String?>(
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ifUnset: nil, .text, "File with the token for that endpoint")

    let awsMetadataDisabled = Setting(
        "AWS_EC2_METADATA_DISABLED", default: .text("false"), .trueOrFalse,
        "`true`: the metadata service of EC2 is not asked for keys")

    let awsMetadataURL = Setting<String>(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT", default: .text("http://169.254.169.254"), .text,
        "URL of the metadata service of EC2")

    let flowGate = Setting<[UInt8]?>(
        "FLOW_GATE", ifUnset: nil, isSecret: true, .secret,
        "Secret that the web server sends with each request, at least 32 bytes")

    let socket = Setting<String>(
        "SOCKET", default: .text("/run/flow-manager/flow-manager.sock"), .text,
        "Where the responders listen: a unix socket, at most 107 bytes, or an address like `127.0.0.1:9000`. Ignored "
            + "if systemd passes a socket")

    let socketAllow = Setting(
        "SOCKET_ALLOW", default: .text("127.0.0.0/8,::1"), .addressesWithoutPorts,
        "Addresses of the web servers that may connect to a `SOCKET` on TCP. They can make calls for any client, so no "
            + "other host may be among them")

    let basePath = Setting<BasePath>(
        "BASE_PATH", ifUnset: .none, .basePath,
        "Path under which the web server has this program, such as `/flow`. Unset: it has the whole site")

    let publicURL = Setting<String?>(
        "PUBLIC_URL", ifUnset: nil, .text,
        "URL of this program as its clients know it, such as `https://example.org/flow`, for the links of "
            + "notifications and the URLs of hooks. Unset: the links are paths, and the URLs name the host of the call")

    let stateFolder = Setting<String>(
        "STATE_DIR", default: .text("/run/flow-manager"), .text,
        "Folder of the supervisor's lock, and of the file in which processes without a supervisor (CGI, spawn-fcgi) "
            + "count calls and failed logins")

    let responders = Setting(
        "RESPONDERS", default: .text("2"), .number(in: 1...64), "Number of responder processes")

    let threads = Setting(
        "THREADS", default: .text("4"), .number(in: 1...64),
        "Threads per responder, each with its own database connection. Calls that wait add up to two of both")

    let queueTimeout = Setting<Duration?>(
        "QUEUE_TIMEOUT", default: .text("5"), .secondsOrOff(in: 0.1...60),
        "Seconds that a call may wait for a thread, if nginx says since when; then it is refused with 503 and "
            + "`Retry-After`. All are, while all threads of a responder are blocked for that long. `off`: they wait")

    let workers = Setting(
        "WORKERS", default: .text("1"), .number(in: 0...64),
        "Number of worker processes, which execute queued runs. Without a supervisor, each process executes runs while "
            + "calls of it wait for some, unless this is 0")

    let workerThreads = Setting(
        "WORKER_THREADS", default: .text("4"), .number(in: 1...64),
        "Threads per worker, each with its own database connection. A worker has one more of both, and another one of "
            + "each once it notifies of ends of runs")

    let heartbeatTimeout = Setting<Duration?>(
        "HEARTBEAT_TIMEOUT", default: .text("10"), .secondsOrOff(in: 2...3_600),
        "Seconds without a sign of life after which a responder or worker is killed and replaced, because it hangs. "
            + "`off` for a debugger")

    let processControlTimeout = Setting(
        "PROCESS_CONTROL_TIMEOUT", default: .text("30"), .seconds(in: 0.1...3_600),
        "Seconds that a responder or worker may take to finish what it does before it ends. After that it is killed")

    let requestTerminateTimeout = Setting<Duration?>(
        "REQUEST_TERMINATE_TIMEOUT", default: .text("120"), .secondsOrOff(in: 0.1...86_400),
        "Seconds on a thread after which the responder of a request is replaced, and killed after "
            + "`PROCESS_CONTROL_TIMEOUT`. More than `CALL_TIME`, and than the web server waits. `off`: no limit")

    let maxRequests = Setting(
        "MAX_REQUESTS", default: .text("off"), .limit(),
        "Requests after which a responder is replaced; up to a quarter fewer, so that not all are due at once. "
            + "`off`: no limit")

    let emergencyRestartThreshold = Setting(
        "EMERGENCY_RESTART_THRESHOLD", default: .text("off"), .limit(from: 2),
        "Crashes of responders and workers within `EMERGENCY_RESTART_INTERVAL` after which all of them are replaced. "
            + "`off`: no limit")

    let emergencyRestartInterval = Setting(
        "EMERGENCY_RESTART_INTERVAL", default: .text("60"), .seconds(in: 1...86_400),
        "Seconds within which crashes are counted")

    let eventStreams = Setting(
        "EVENT_STREAMS", default: .text("1000"), .number(in: 1...20_000),
        "Limit of the event streams per responder; one user gets at most half of them. Each takes about 20 kB")

    let logFile = Setting<String?>(
        "LOG_FILE", ifUnset: nil, .text, "File to append the log to. Default: standard error")

    let logFormat = Setting<LogLine.Format>(
        "LOG_FORMAT", default: .text("json"), .logFormat, "`json`: one JSON object a line; `text`: for people")

    let logLevel = Setting<Log.Level>(
        "LOG_LEVEL", default: .text("info"), .logLevel,
        "The least severe level that is logged: `error`, `warning`, `info` or `debug`")

    let metricsAllow = Setting(
        "METRICS_ALLOW", default: .text("127.0.0.0/8,::1"), .addressesWithoutPorts,
        "Addresses that may read `/metrics` and `/status`, without ports. Not for a request that a proxy has marked as "
            + "forwarded; behind a proxy that adds no header all clients look local: set `192.0.2.1`, which none has")

    let metricsToken = Setting<[UInt8]?>(
        "METRICS_TOKEN", ifUnset: nil, isSecret: true, .secret,
        "Bearer token that may read `/metrics` and `/status` from any address, at least 32 bytes")

    let slowRequest = Setting<Duration?>(
        "SLOW_REQUEST", default: .text("2"), .secondsOrOff(in: 0...3_600),
        "Seconds on a thread after which a request is slow: it is counted, and logged with its slowest statement. More "
            + "than `CALL_TIME`, which a run may use. `off`: none is slow")

    let loginCreatesAccount = Setting(
        "LOGIN_CREATES_ACCOUNT", default: .byProfile(production: "off", demo: "on"), .onOrOff,
        "Whether a login with an unknown e-mail creates the account. Default: `on` in the demo profile, else `off`")

    let clientCredits = Setting(
        "CLIENT_CREDITS", default: .byProfile(production: "0", demo: "20"), .number(in: 0...1_000_000_000),
        "Credits of a new client. Default: 20 in the demo profile, else 0")

    let guestCredits = Setting(
        "GUEST_CREDITS", default: .byProfile(production: "0", demo: "50"), .number(in: 0...1_000_000_000),
        "Credits of a new guest. Default: 50 in the demo profile, else 0")

    let frontendURL = Setting(
        "FRONTEND_URL", ifUnset: CrossOrigin.none, .origins,
        "Origins that may call with cookies and read the responses (CORS), comma-separated")

    let userConcurrency = Setting(
        "USER_CONCURRENCY", default: .text("50"), .limit(),
        "Limit of runs that workers execute at the same time, per user. `off`: no limit")

    let externalCalls = Setting(
        "EXTERNAL_CALLS", default: .text("64"), .number(in: 1...1_024),
        "Calls that the steps of one worker process make at once, such as `http.request`: at most half of them for one "
            + "user, and 8 to one host. Further ones wait without a thread")

    let execDir = Setting<String?>(
        "EXEC_DIR", ifUnset: nil, .text,
        "Folder of the programs that steps of type `exec` may run, which only root and the user of the service can "
            + "change. Unset: none")

    let execUser = Setting<String?>(
        "EXEC_USER", ifUnset: nil, .text,
        "User of these programs, if the service runs as root. Default then: `nobody`")

    let execMemory = Setting(
        "EXEC_MEMORY", default: .text("1024"), .limit(from: 16),
        "Limit of the address space of each of their processes, in MiB")

    let execNetwork = Setting(
        "EXEC_NETWORK", default: .text("off"), .onOrOff, "`on`: these programs may use the network")

    let memoryLimit = Setting(
        "MEMORY_LIMIT", default: .text("1024"), .limit(from: 64),
        "Limit of a responder's or worker's memory, in MiB. One that has grown to half of it is replaced")

    let descendantLimit = Setting(
        "DESCENDANT_LIMIT", default: .text("10000"), .number(in: 1...1_000_000),
        "Limit of the runs that one run may lead to, directly and indirectly")

    let storageQuota = Setting(
        "STORAGE_QUOTA", default: .text("1024"), .limit(),
        "MiB of documents, posts, workflows, runs and stored answers that a user may keep. `off`: no limit")

    let guestStorageQuota = Setting(
        "GUEST_STORAGE_QUOTA", default: .text("64"), .limit(), "The same for a guest")

    let callTime = Setting(
        "CALL_TIME", default: .text("1"), .seconds(in: 0.01...60),
        "Seconds that a run may occupy the thread of its call. After that a worker continues it, and the call waits")

    let runProcessorTime = Setting(
        "RUN_PROCESSOR_TIME", default: .text("60"), .seconds(in: 0.1...86_400),
        "Seconds of processor time that a run may use in all. After that it fails")

    let runSize = Setting(
        "RUN_SIZE", default: .text("8"), .number(in: 1...64),
        "Maximum size of a run's inputs and outputs together, in MiB")

    let runLifetime = Setting(
        "RUN_LIFETIME", default: .text("30"), .number(in: 1...3_650),
        "Days that a run may last: steps cannot wait for longer, and the run ends as `expired`")

    let retention = Setting<Int?>(
        "RETENTION", default: .text("off"), .limit(from: 31),
        "Days for which runs are kept, more than `RUN_LIFETIME`. Older ones are dropped by the month. `off`: until "
            + "they are deleted")

    let loginThrottle = Setting(
        "LOGIN_THROTTLE", default: .text("on"), .onOrOff, "`off`: no delay after failed logins")

    let rateLimitRead = Setting(
        "RATE_LIMIT_READ", default: .text("600/120"), .callsPerMinute,
        "Calls per minute that read: of a user, or of an address without one / of a guest. `off`: no limit")

    let rateLimitWrite = Setting(
        "RATE_LIMIT_WRITE", default: .text("120/30"), .callsPerMinute, "The same for calls that change something")

    let rateLimitRun = Setting(
        "RATE_LIMIT_RUN", default: .text("300/60"), .callsPerMinute, "The same for calls that start a run")

    let rateLimitArray = Setting(
        "RATE_LIMIT_ARRAY", default: .text("10"), .callsPerMinute, "The same for `POST /generate_array`")

    let rateLimitHook = Setting(
        "RATE_LIMIT_HOOK", default: .text("60"), .callsPerMinute,
        "The same for calls of a hook, each of which has its own")

    let registrationLimit = Setting(
        "REGISTRATION_LIMIT", default: .text("20"), .limit(),
        "New accounts and new e-mails per minute and network address; local addresses have no limit. `off`: no limit")

    let clientPassword = Setting<String>(
        "CLIENT_PASSWORD", default: .text("Test1234!"), isSecret: true, .text,
        "Password of the demo profile's client")

    let adminEmail = Setting<String?>(
        "ADMIN_EMAIL", ifUnset: nil, .text,
        "E-mail of the first admin. `migrate` creates the account, unless this e-mail is or was in use")

    let adminPassword = Setting(
        "ADMIN_PASSWORD", default: .byProfile(production: nil, demo: DemoProfile.adminPassword), isSecret: true,
        .adminPassword,
        "Password of the first admin and of the demo profile's admin. Default in the demo profile: `adminpass`")
}
