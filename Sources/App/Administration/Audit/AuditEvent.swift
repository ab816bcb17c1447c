import Flows
import JSON

/// An event of the audit log. It identifies everything by id and contains no secret and no name or e-mail of a user.
struct AuditEvent {
    enum Action: String, CaseIterable {
        case registered
        case userMade = "user_made"
        case roleChanged = "role_changed"
        case userDisabled = "user_disabled"
        case userEnabled = "user_enabled"
        case userDeleted = "user_deleted"
        case login
        case loginFailed = "login_failed"
        case codeFailed = "code_failed"
        case logoutAll = "logout_all"
        case refreshReused = "refresh_reused"
        case passwordChanged = "password_changed"
        case emailChanged = "email_changed"
        case identityUnblocked = "identity_unblocked"
        case factorSet = "factor_set"
        case factorRemoved = "factor_removed"
        case recoveryCodeUsed = "recovery_code_used"
        case keyMade = "key_made"
        case keyEnded = "key_ended"
        case keyUsed = "key_used"
        case credentialMade = "credential_made"
        case credentialChanged = "credential_changed"
        case credentialDeleted = "credential_deleted"
        case workflowDeleted = "workflow_deleted"
        case scheduleSet = "schedule_set"
        case scheduleDeleted = "schedule_deleted"
        case creditsGranted = "credits_granted"
        case priceChanged = "price_changed"
        case recordDeleted = "record_deleted"
        case runStarted = "run_started"
        case runCanceled = "run_canceled"
        case runResumed = "run_resumed"
        case approvalDecided = "approval_decided"
        case hookMade = "hook_made"
        case hookRotated = "hook_rotated"
        case hookDeleted = "hook_deleted"
        case endSecretRotated = "end_secret_rotated"
        case endTargetChanged = "end_target_changed"
    }

    enum Origin: String, CaseIterable {
        case request
        /// The command line.
        case command
    }

    /// How a user logged in.
    enum Factor: String {
        case password
        case app
        case recoveryCode = "recovery_code"
        /// No factor: the session is a guest's.
        case guest
    }

    let action: Action
    /// The object of the event: the id of a user, key, credential, workflow, schedule, hook, record or run.
    let subject: String?
    /// The user who acted, if it is not the caller.
    let actor: String?
    let detail: JSON
    /// For an event that is stored once per network and period: the start of the hour or day, in seconds since 1970.
    let period: Int64?

    private init(
        _ action: Action, _ subject: String?, actor: String? = nil, _ detail: JSON = [:], period: Int64? = nil
    ) {
        self.action = action
        self.subject = subject
        self.actor = actor
        self.detail = detail
        self.period = period
    }
}

extension AuditEvent {
    /// A user registered an account.
    static func registered(_ user: String) -> AuditEvent { AuditEvent(.registered, user, actor: user) }

    /// An admin or operator created an account for another user.
    static func userMade(_ user: String, _ role: Role) -> AuditEvent {
        AuditEvent(.userMade, user, ["role": .string(role.rawValue)])
    }

    static func roleChanged(of user: String, from old: Role, to new: Role) -> AuditEvent {
        AuditEvent(.roleChanged, user, ["from": .string(old.rawValue), "to": .string(new.rawValue)])
    }

    static func userDisabled(_ user: String) -> AuditEvent { AuditEvent(.userDisabled, user) }

    static func userEnabled(_ user: String) -> AuditEvent { AuditEvent(.userEnabled, user) }

    static func userDeleted(_ user: String) -> AuditEvent { AuditEvent(.userDeleted, user) }

    static func login(of user: String, session: String, with factor: Factor) -> AuditEvent {
        AuditEvent(
            .login, user, actor: user, ["session": .string(session), "factor": .string(factor.rawValue)])
    }

    /// A wrong password. It is stored once per account, network and hour, so that an attacker who guesses cannot fill
    /// the log.
    static func loginFailed(of user: String?, at now: Int64) -> AuditEvent {
        AuditEvent(.loginFailed, user, period: now - now % 3_600)
    }

    /// The right password and then a wrong code. It is stored like failed logins.
    static func codeFailed(of user: String, at now: Int64) -> AuditEvent {
        AuditEvent(.codeFailed, user, period: now - now % 3_600)
    }

    static func logoutAll(of user: String) -> AuditEvent { AuditEvent(.logoutAll, user) }

    /// A refresh token was used twice, which ended its session. The caller who used it is unknown.
    static func refreshReused(of user: String, session: String) -> AuditEvent {
        AuditEvent(.refreshReused, user, ["session": .string(session)])
    }

    static func passwordChanged(of user: String) -> AuditEvent { AuditEvent(.passwordChanged, user) }

    static func emailChanged(of user: String) -> AuditEvent { AuditEvent(.emailChanged, user) }

    /// An admin unblocked the external identity of a deleted user.
    static func identityUnblocked(_ user: String) -> AuditEvent { AuditEvent(.identityUnblocked, user) }

    static func factorSet(of user: String) -> AuditEvent { AuditEvent(.factorSet, user) }

    static func factorRemoved(of user: String) -> AuditEvent { AuditEvent(.factorRemoved, user) }

    static func recoveryCodeUsed(of user: String) -> AuditEvent { AuditEvent(.recoveryCodeUsed, user, actor: user) }

    static func keyMade(_ key: String) -> AuditEvent { AuditEvent(.keyMade, key) }

    static func keyEnded(_ key: String) -> AuditEvent { AuditEvent(.keyEnded, key) }

    /// The use of a key, stored once per key, network and day.
    static func keyUsed(_ key: String, at now: Int64) -> AuditEvent {
        AuditEvent(.keyUsed, key, period: now - now % 86_400)
    }

    static func credentialMade(_ credential: String) -> AuditEvent { AuditEvent(.credentialMade, credential) }

    static func credentialChanged(_ credential: String) -> AuditEvent { AuditEvent(.credentialChanged, credential) }

    static func credentialDeleted(_ credential: String) -> AuditEvent { AuditEvent(.credentialDeleted, credential) }

    static func workflowDeleted(_ workflow: String) -> AuditEvent { AuditEvent(.workflowDeleted, workflow) }

    static func scheduleSet(_ schedule: String) -> AuditEvent { AuditEvent(.scheduleSet, schedule) }

    static func scheduleDeleted(_ schedule: String) -> AuditEvent { AuditEvent(.scheduleDeleted, schedule) }

    static func hookMade(_ hook: String) -> AuditEvent { AuditEvent(.hookMade, hook) }

    /// The secret or the URL of the hook was replaced.
    static func hookRotated(_ hook: String) -> AuditEvent { AuditEvent(.hookRotated, hook) }

    static func hookDeleted(_ hook: String) -> AuditEvent { AuditEvent(.hookDeleted, hook) }

    /// The secret that signs the notifications of the workflow was replaced.
    static func endSecretRotated(_ workflow: String) -> AuditEvent { AuditEvent(.endSecretRotated, workflow) }

    /// Where the ends of the workflow's runs are notified, or of which ends.
    static func endTargetChanged(_ workflow: String) -> AuditEvent { AuditEvent(.endTargetChanged, workflow) }

    static func creditsGranted(_ amount: Int64, to user: String) -> AuditEvent {
        AuditEvent(.creditsGranted, user, ["amount": .integer(amount)])
    }

    static func priceChanged(of taskType: String, to price: Price) -> AuditEvent {
        AuditEvent(
            .priceChanged, nil,
            ["type": .string(taskType), "cost": .integer(price.cost), "active": .bool(price.isActive)])
    }

    static func recordDeleted(_ record: String) -> AuditEvent { AuditEvent(.recordDeleted, record) }

    // What an admin does to a run that belongs to another user.

    static func runStarted(_ run: String, of owner: String) -> AuditEvent {
        AuditEvent(.runStarted, run, ["user": .string(owner)])
    }

    static func runCanceled(_ run: String, of owner: String) -> AuditEvent {
        AuditEvent(.runCanceled, run, ["user": .string(owner)])
    }

    static func runResumed(_ run: String, of owner: String) -> AuditEvent {
        AuditEvent(.runResumed, run, ["user": .string(owner)])
    }

    static func approvalDecided(_ run: String, of owner: String, isApproved: Bool) -> AuditEvent {
        AuditEvent(.approvalDecided, run, ["user": .string(owner), "approved": .bool(isApproved)])
    }
}
