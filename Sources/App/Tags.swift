import HTTP

/// The sections of the API description, in the order of `Routes.all`.
extension Tag {
    static let service = Tag("Service", "Start page, health checks and this description.")
    static let accounts = Tag("Accounts", "Register, log in, and change your own account.")
    static let sessions = Tag(
        "Sessions", "A login is a session: renew its tokens, see where you are logged in, and log out.")
    static let flows = Tag("Flows", "Run a chain of tasks, check one without running it, and look up the task types.")
    static let executions = Tag(
        "Executions", "Every run is on record with all its steps: read it, cancel it, resume it or fork it.")
    static let workflows = Tag(
        "Workflows", "Flows that are stored, in versions that never change, and run by their id.")
    static let schedules = Tag(
        "Schedules", "Workflows that run by themselves, at the times of a cron expression.")
    static let hooks = Tag(
        "Hooks", "URLs with which other services start workflows: signed calls, each of them once.")
    static let documents = Tag(
        "Documents", "JSON values that flows read with `data.fetch` and write with `data.store`.")
    static let posts = Tag("Posts", "Texts with a version: every signed-in user reads the published ones.")
    static let arrays = Tag("Arrays", "Random numbers.")
    static let operations = Tag("Operations", "Single calculations, paid with credits and kept as records.")
    static let records = Tag("Records", "The operations that you have run, with what each of them cost.")
    static let credits = Tag("Credits", "Your balance, and the ledger of its changes.")
    static let apiKeys = Tag("API keys", "Keys for programs, limited by scopes and by time.")
    static let credentials = Tag(
        "Credentials", "Secrets of other services, which tasks send and no answer shows.")
    static let secondFactor = Tag("Second factor", "An authenticator app (TOTP, RFC 6238) with recovery codes.")
    static let guests = Tag("Guests", "Try the service without an account, and turn the guest into one.")
    static let users = Tag("Users", "Administration of accounts. Only for admins.")
    static let audit = Tag("Audit", "Who did what. Only for admins.")
}
