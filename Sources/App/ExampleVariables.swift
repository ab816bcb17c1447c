import HTTP

/// The variables of the Postman collection, which all examples share.
enum ExampleVariables {
    private static let id = "019a5f2e-7c1b-7000-8000-5f0c2b9d4e61"

    static let all =
        [
            ExampleVariable("URL", initial: "http://127.0.0.1:8080", "Where the service is"),
            ExampleVariable(
                "email", initial: "you@example.org",
                "Your e-mail, which must have no account yet: change it before each full run"),
            ExampleVariable("password", initial: "lasting impression", "Your password"),
            ExampleVariable("admin_email", initial: "defaultadmin@admin.as", "An admin's e-mail: the demo profile's"),
            ExampleVariable("admin_password", initial: "adminpass", "The admin's password"),
            ExampleVariable("token", sample: "eyJhbGciOi…", "Your access token; the login sets it"),
            ExampleVariable("refresh_token", sample: "fmr_…", "Renews the access token; the login sets it"),
            ExampleVariable("X-CSRF-TOKEN", sample: "4f1d…", "Required for calls by cookie; the login sets it"),
            ExampleVariable("second_token", sample: "eyJhbGciOi…", "The token of a second session"),
            ExampleVariable("other_token", sample: "eyJhbGciOi…", "The token of the second account"),
            ExampleVariable("admin_token", sample: "eyJhbGciOi…", "The admin's token; the login as admin sets it"),
            ExampleVariable("guest_token", sample: "eyJhbGciOi…", "The guest's token"),
            ExampleVariable(
                "service_token", initial: "a-token-of-a-service", "The secret of another service, to be stored"),
            ExampleVariable("totp_secret", sample: "JBSWY3DPEHPK3PXP", "The secret of the authenticator app"),
            ExampleVariable("otp", sample: "492039", "The app's current code, computed before the call is sent"),
            ExampleVariable("hook_token", sample: "fmh_…", "The last part of the URL of a hook"),
            ExampleVariable("recovery_code", sample: "k3vq-7m2x-9wfa-5tzn", "One of the recovery codes"),
        ] + ids

    /// Ids that the collection takes from answers.
    private static let ids = [
        "user_id", "new_user_id", "session_id", "key_id", "credential_id", "execution_id", "approval_execution_id",
        "waiting_execution_id", "workflow_id", "notified_workflow_id", "delivery_id", "hook_id", "imported_workflow_id",
        "post_id", "record_id",
    ].map { ExampleVariable($0, sample: id, "Set by the answer of an earlier request") }
}
