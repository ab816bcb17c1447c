/// One change of the schema: a file of `SQL/`, embedded in the program. An applied migration must not change.
package struct Migration: Sendable {
    package let version: Int
    package let name: String
    /// Statements that are executed in one transaction. They must not begin or end one themselves.
    package let sql: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}

/// Every migration, in order. To add one, write a file `SQL/NNNN_words.sql` and add a line here.
package enum Migrations {
    package static let all = [
        migration(1, "accounts", PackageResources._001_accounts_sql),
        migration(2, "documents_and_posts", PackageResources._002_documents_and_posts_sql),
        migration(3, "executions", PackageResources._003_executions_sql),
        migration(4, "idempotency_and_limits", PackageResources._004_idempotency_and_limits_sql),
        migration(5, "sessions_and_users", PackageResources._005_sessions_and_users_sql),
        migration(6, "api_keys", PackageResources._006_api_keys_sql),
        migration(7, "second_factors", PackageResources._007_second_factors_sql),
        migration(8, "accounts_without_password", PackageResources._008_accounts_without_password_sql),
        migration(9, "identities", PackageResources._009_identities_sql),
        migration(10, "audit_log", PackageResources._010_audit_log_sql),
        migration(11, "guests", PackageResources._011_guests_sql),
        migration(12, "token_keys", PackageResources._012_token_keys_sql),
        migration(13, "folded_names", PackageResources._013_folded_names_sql),
        migration(14, "credits", PackageResources._014_credits_sql),
        migration(15, "workflows", PackageResources._015_workflows_sql),
        migration(16, "queue", PackageResources._016_queue_sql),
        migration(17, "deleted_names", PackageResources._017_deleted_names_sql),
        migration(18, "turns", PackageResources._018_turns_sql),
        migration(19, "trees", PackageResources._019_trees_sql),
        migration(20, "bounds", PackageResources._020_bounds_sql),
        migration(21, "owners_of_runs", PackageResources._021_owners_of_runs_sql),
        migration(22, "lists_of_runs", PackageResources._022_lists_of_runs_sql),
        migration(23, "storage", PackageResources._023_storage_sql),
        migration(24, "processor_time", PackageResources._024_processor_time_sql),
        migration(25, "idle_since", PackageResources._025_idle_since_sql),
        migration(26, "names_of_flows", PackageResources._026_names_of_flows_sql),
        migration(27, "answers_and_records", PackageResources._027_answers_and_records_sql),
        migration(28, "compression", PackageResources._028_compression_sql),
        migration(29, "work_of_earlier_releases", PackageResources._029_work_of_earlier_releases_sql),
        migration(30, "traces", PackageResources._030_traces_sql),
        migration(31, "templates", PackageResources._031_templates_sql),
        migration(32, "callable_workflows", PackageResources._032_callable_workflows_sql),
        migration(33, "pins", PackageResources._033_pins_sql),
        migration(34, "approvers", PackageResources._034_approvers_sql),
        migration(35, "credentials", PackageResources._035_credentials_sql),
        migration(36, "secrets_elsewhere", PackageResources._036_secrets_elsewhere_sql),
        migration(37, "removals_that_wait", PackageResources._037_removals_that_wait_sql),
        migration(38, "approvals_of_ended_accounts", PackageResources._038_approvals_of_ended_accounts_sql),
        migration(39, "triggers", PackageResources._039_triggers_sql),
        migration(40, "priorities", PackageResources._040_priorities_sql),
        migration(41, "hooks", PackageResources._041_hooks_sql),
        migration(42, "schedules", PackageResources._042_schedules_sql),
        migration(43, "bounds_of_history", PackageResources._043_bounds_of_history_sql),
        migration(44, "verified_bounds", PackageResources._044_verified_bounds_sql),
        migration(45, "months", PackageResources._045_months_sql),
        migration(46, "events", PackageResources._046_events_sql),
        migration(47, "end_notifications", PackageResources._047_end_notifications_sql),
        migration(48, "durable_events", PackageResources._048_durable_events_sql),
        migration(49, "size_of_events", PackageResources._049_size_of_events_sql),
    ]

    /// SwiftPM embeds `0001_words.sql` as `_001_words_sql`: a Swift name cannot begin with a digit, so `_` replaces it.
    private static func migration(_ version: Int, _ name: String, _ file: [UInt8]) -> Migration {
        Migration(version: version, name: name, sql: String(decoding: file, as: UTF8.self))
    }
}
