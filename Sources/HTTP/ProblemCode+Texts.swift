extension ProblemCode {
    package var status: Status { entry.status }
    /// What happened, as a sentence without its full stop.
    package var message: String { entry.message }
    /// What the caller can do, in Markdown.
    package var remedy: String { entry.remedy }

    /// Whether the response describes a limit of calls in a time window: `RateLimit-Policy` and `RateLimit`.
    package var isRateLimit: Bool { [.rateLimited, .loginThrottled, .guestLimit].contains(self) }

    private var entry: (status: Status, message: String, remedy: String) {
        switch self {
        case .badRequest:
            (.badRequest, "The request is not valid", "Correct the path, query field or header that the message names.")
        case .bodyIncomplete:
            (.badRequest, "The body is not complete", "Send as many bytes as `Content-Length` announces.")
        case .invalidJSON:
            (
                .badRequest, "The body is not valid JSON",
                "Send one JSON value in UTF-8 without a byte order mark, nested at most 64 levels deep."
            )
        case .duplicateName:
            (.badRequest, "The body names a member twice", "Give each name in an object or a form once.")
        case .numberOutOfRange:
            (
                .badRequest, "A number is out of range",
                "Send integers that fit 64 bits and other numbers that fit a double."
            )
        case .invalidCursor:
            (
                .badRequest, "The cursor is not one of this list",
                "Pass the `next_cursor` of the previous page unchanged and keep `sort`, or start without a cursor."
            )
        case .idempotencyKeyInvalid:
            (
                .badRequest, "The Idempotency-Key is not valid",
                "Send the header once, with 1 to 255 visible ASCII characters."
            )
        case .idempotencyRefused:
            (
                .badRequest, "This call takes no Idempotency-Key",
                "Leave the header out: the answer holds a secret, so it is never stored."
            )
        case .tlsRequired:
            (.badRequest, "This port speaks HTTPS", "Use `https://` in the address.")
        case .tokenMissing:
            (
                .unauthorized, "Token is missing",
                "Log in with `POST /login` and send `Authorization: Bearer <token>`."
            )
        case .tokenExpired:
            (.unauthorized, "Token has expired", "Get a new token with `POST /refresh`, or log in again.")
        case .tokenInvalid:
            (
                .unauthorized, "Invalid token",
                "Log in again: the token or key is malformed, has been revoked, or its user has been disabled."
            )
        case .invalidCredentials:
            (.unauthorized, "Authentication failed", "Check the name and the password.")
        case .otpRequired:
            (
                .unauthorized, "A one-time password is required",
                "Repeat the login with the code of the authenticator app, or a recovery code, as `otp`."
            )
        case .otpInvalid:
            (
                .unauthorized, "The one-time password is wrong",
                "Wait for the app's next code, or use another recovery code: each code works once."
            )
        case .signatureInvalid:
            (
                .unauthorized, "The signature is not valid",
                "Sign the body as it is sent, with the secret of the hook and the time of now."
            )
        case .insufficientCredits:
            (
                .paymentRequired, "Not enough credits",
                "Compare the price (`max_cost` of `POST /api/flows/validate`, `cost` of `GET /api/operations`) with "
                    + "`GET /api/credits`."
            )
        case .forbidden:
            (
                .forbidden, "You may not do this",
                "Use an account with the role, or an API key with the scope, that the message names."
            )
        case .csrfFailed:
            (
                .forbidden, "The CSRF token is missing or wrong",
                "Send the `csrf_token` of the login or of `GET /csrf` as `X-CSRF-TOKEN`, or use a bearer token."
            )
        case .originRefused:
            (
                .forbidden, "Calls from pages of this origin are not allowed",
                "Call from a page of this site, or have the operator add the page's origin to `FRONTEND_URL`."
            )
        case .wrongPassword:
            (
                .forbidden, "The password is wrong",
                "Send the account's present password, as `current_password`, or as `password` of `DELETE /me`."
            )
        case .wrongCode:
            (
                .forbidden, "The code is wrong",
                "Wait for the app's next code, or use another recovery code: each code works once."
            )
        case .loginNotRecent:
            (
                .forbidden, "This needs a token that is less than five minutes old",
                "Log in again, or get a new token with `POST /refresh`, and repeat the call."
            )
        case .notFound:
            (
                .notFound, "Not found",
                "Check the path and the id. A resource that you may not see is answered in the same way."
            )
        case .methodNotAllowed:
            (.methodNotAllowed, "Method not allowed", "Use one of the methods that the `Allow` header names.")
        case .requestTimeout:
            (.requestTimeout, "The request took too long to arrive", "Send it again over a faster connection.")
        case .conflict:
            (.conflict, "The resource exists already", "Read it, or choose another name.")
        case .alreadyRegistered:
            (.conflict, "User registered already, Please login", "Log in, or choose another e-mail or username.")
        case .secondFactorActive:
            (
                .conflict, "An authenticator app is active already",
                "Remove it with `DELETE /api/mfa/totp` before you add another one."
            )
        case .nothingToConfirm:
            (.conflict, "There is no authenticator app to confirm", "Start with `POST /api/mfa/totp`.")
        case .tooManyKeys:
            (.conflict, "The account has its maximum number of API keys", "Delete a key first.")
        case .tooManyWorkflows:
            (.conflict, "The account has its maximum number of workflows", "Delete a workflow first.")
        case .tooManyVersions:
            (
                .conflict, "The workflow has its maximum number of versions",
                "Delete versions with `DELETE /api/workflows/{id}/versions/{version}` first."
            )
        case .keyTaken:
            (.conflict, "Another workflow has this key", "Choose another key, or change that workflow's first.")
        case .tooManyCredentials:
            (.conflict, "The account has its maximum number of credentials", "Delete a credential first.")
        case .tooManyHooks:
            (.conflict, "The account has its maximum number of hooks", "Delete a hook first.")
        case .tooManyNotifications:
            (.conflict, "Too many notifications are pending", "Wait until some have been delivered or given up.")
        case .noEndTarget:
            (.conflict, "The workflow has no `on_end`", "Set the `on_end` of the workflow first.")
        case .nameTaken:
            (.conflict, "Another credential has this name", "Choose another name, or replace that credential.")
        case .tooManySchedules:
            (.conflict, "The account has its maximum number of schedules", "Delete a schedule first.")
        case .tooManyDocuments:
            (.conflict, "The account has its maximum number of documents", "Delete documents first.")
        case .versionInUse:
            (
                .conflict, "The version is in use",
                "Save another version first if it is the current one; delete the runs that name it."
            )
        case .guest:
            (
                .conflict, "A guest has no role to change",
                "The guest has to become an account first, with `POST /api/guests/convert`."
            )
        case .lastAdmin:
            (.conflict, "The last admin must stay an admin", "Make another user an admin first.")
        case .operationInactive:
            (.conflict, "This operation is switched off", "Ask an admin to activate it, or use another operation.")
        case .ownerInactive:
            (
                .conflict, "The account that the run belongs to is disabled or deleted",
                "Enable the account first with `PATCH /api/users/{id}`."
            )
        case .executionOver:
            (.conflict, "The run has ended already", "Read its result with `GET /api/executions/{id}`.")
        case .executionNotResumable:
            (
                .conflict, "Only a failed or canceled run can be resumed, and only within its lifetime",
                "Wait for the end of an active run; start a new run, or a fork, of one that has completed or is too old."
            )
        case .executionNotWaiting:
            (
                .conflict, "The run does not wait for a signal",
                "Read the run: a signal is taken while its status is `waiting` at an `approval` task."
            )
        case .executionUnderWay:
            (.conflict, "The run is still active", "Cancel it first, or wait for its end.")
        case .idempotencyInProgress:
            (
                .conflict, "The first call with this Idempotency-Key is still in progress",
                "Repeat the call with the same key after `Retry-After` seconds."
            )
        case .versionMismatch:
            (
                .preconditionFailed, "The resource has changed",
                "Read it again, apply your change to what it is now, and send its new `ETag` as `If-Match`."
            )
        case .executionDeleted:
            (
                .gone, "The run of the first call with this Idempotency-Key was deleted",
                "That call has taken effect. Use a new key for another call."
            )
        case .lengthRequired:
            (.lengthRequired, "The length of the body is missing", "Send `Content-Length`.")
        case .contentTooLarge:
            (.contentTooLarge, "The body is larger than \(BodyPolicy.memoryLimitText)", "Send less in one call.")
        case .quotaExceeded:
            (
                .contentTooLarge, "The account's storage is full",
                "Delete documents, posts, runs or workflows; answers stored for an `Idempotency-Key` count for a day. "
                    + "`storage` of `GET /me` shows usage and limit, in bytes."
            )
        case .uriTooLong:
            (.uriTooLong, "The URI is too long", "Send fewer or shorter query fields.")
        case .unsupportedMediaType:
            (
                .unsupportedMediaType, "The body must be application/json in UTF-8",
                "Set `Content-Type: application/json` and send the body uncompressed."
            )
        case .rangeNotSatisfiable:
            (.rangeNotSatisfiable, "The file does not have that range", "Read it without a `Range`.")
        case .misdirectedRequest:
            (.misdirectedRequest, "This server does not answer for that host", "Check the host name of the address.")
        case .validationFailed:
            (
                .unprocessable, "The request is not valid",
                "Correct every field that `errors` lists: `pointer` (RFC 6901) says which one."
            )
        case .invalidValue:
            (.unprocessable, "A value is not valid", "Remove U+0000 from texts, and keep numbers within 64 bits.")
        case .invalidText:
            (.unprocessable, "A text has too many combining marks", "Remove marks that pile up on one character.")
        case .tooManyMembers:
            (.unprocessable, "An object has too many members", "Send at most 10,000 members in one object.")
        case .tooManyElements:
            (.unprocessable, "An array has too many elements", "Send at most 100,000 elements in one array.")
        case .idempotencyKeyReused:
            (
                .unprocessable, "This Idempotency-Key belongs to a call with another body",
                "Use a new key for a new call."
            )
        case .rateLimited:
            (
                .tooManyRequests, "Too many calls",
                "Wait for `Retry-After` seconds. `RateLimit` tells with each answer how many calls are left."
            )
        case .loginThrottled:
            (.tooManyRequests, "Too many failed attempts", "Wait for `Retry-After` seconds, then try again.")
        case .guestLimit:
            (
                .tooManyRequests, "This network address has made a guest already",
                "Use that guest's token, register an account, or wait as long as `Retry-After` says."
            )
        case .tooManyRuns:
            (
                .tooManyRequests, "Too many runs are queued",
                "Wait until some have ended: of your runs, or of the workflow's if it has `max_queued`."
            )
        case .tooManyCalls:
            (
                .tooManyRequests, "Too many of your calls take long",
                "Wait until some of them have ended, then send this call again."
            )
        case .headersTooLarge:
            (.headersTooLarge, "The headers are too large", "Send fewer or shorter headers and cookies.")
        case .internalError:
            (.internalError, "Internal error", "Report the `request_id` to the operator, who finds the cause by it.")
        case .notImplemented:
            (.notImplemented, "Not implemented", "Send the body with `Content-Length`, or in chunks.")
        case .badGateway:
            (
                .badGateway, "The application did not answer, please try again",
                "The call may have taken effect: look for its result first, or repeat it with the `Idempotency-Key` "
                    + "it had."
            )
        case .unavailable:
            (
                .unavailable, "The service is busy, please try again",
                "Repeat the call after `Retry-After` seconds; a POST with the `Idempotency-Key` it had, if it had one."
            )
        case .databaseUnavailable:
            (.unavailable, "The service is not ready: the database cannot be reached", "Start or repair the database.")
        case .migrationsPending:
            (
                .unavailable, "The service is not ready: the database's schema is not up to date",
                "Run `flow-manager migrate`."
            )
        case .gatewayTimeout:
            (
                .gatewayTimeout, "The application took too long to answer",
                "The call may have taken effect: look for its result first, or repeat it with the `Idempotency-Key` "
                    + "it had."
            )
        case .httpVersionNotSupported:
            (.httpVersionNotSupported, "HTTP version not supported", "Use HTTP/1.1 or HTTP/2.")
        }
    }
}
