package import Crypto
package import Postgres
package import Tokens

/// Key administration from the command line, while the service runs.
package struct KeyAdministration {
    private let connection: Connection
    /// The keys from the settings.
    private let tokenKeys: TokenKeys
    private let sealingKeys: KeyRing?

    package init(on connection: Connection, tokenKeys: TokenKeys, sealingKeys: KeyRing?) {
        self.connection = connection
        self.tokenKeys = tokenKeys
        self.sealingKeys = sealingKeys
    }

    /// Creates the next key that signs access tokens; returns its id and the time from which it signs.
    ///
    /// The previous key still verifies, the one before it no longer does: unless forced, the rotation is refused while
    /// tokens of that key may be valid. Refresh tokens stay valid after any number of rotations.
    package func rotateTokenKey(isForced: Bool) throws -> String {
        let sealingKeys = try requiredSealingKeys()
        return try connection.transaction { connection in
            // One rotation at a time; readers do not wait.
            try connection.execute("LOCK TABLE token_keys IN SHARE ROW EXCLUSIVE MODE")
            if !isForced { try refuseToEndTokens(connection) }
            let (id, signsAt) = try TokenKey.make(sealedBy: sealingKeys, on: connection)
            return "key \(id) signs from \(signsAt) on"
        }
    }

    private func refuseToEndTokens(_ connection: Connection) throws {
        guard let seconds = try TokenKey.secondsOfOldTokens(on: connection) else {
            // The time when the settings' second key stopped signing is unknown.
            guard tokenKeys.ids.count < 2 else {
                throw Refusal(
                    description: """
                        this would end tokens of JWT_PREVIOUS_SECRET_KEY; if it has not signed for \
                        \(TokenKey.tokensEnd / 60) minutes, remove it from the settings, or pass --force
                        """)
            }
            return
        }
        guard seconds <= 0 else {
            throw Refusal(
                description: """
                    tokens of the oldest key are valid for another \(seconds) s; \
                    wait, or pass --force to end them now
                    """)
        }
    }

    /// Prints one line per key: its purpose, id, origin and current use; never the key itself.
    package func list(_ line: (String) -> Void) throws {
        try listTokenKeys(line)
        try listSealingKeys(line)
    }

    private func listTokenKeys(_ line: (String) -> Void) throws {
        let rows = try connection.query(
            """
            SELECT id, rfc3339(created_at), rfc3339(signs_at), signs_at <= clock_timestamp()
            FROM token_keys ORDER BY signs_at
            """
        ).map { try $0.decode(String.self, String.self, String.self, Bool.self) }
        let settings = ["JWT_PREVIOUS_SECRET_KEY", "JWT_SECRET_KEY"].suffix(tokenKeys.ids.count)
        let keys =
            zip(tokenKeys.ids, settings).map { (id: $0, from: "from \($1)", signsAt: String?.none, isDue: true) }
            + rows.map { (id: $0.0, from: "of \($0.1)", signsAt: $0.2, isDue: $0.3) }
        let signing = keys.lastIndex { $0.isDue } ?? 0
        for (position, key) in keys.enumerated() {
            let since = key.signsAt.map { " since \($0)" } ?? ""
            let next = position + 2 < keys.count ? keys[position + 2].signsAt : nil
            let state =
                switch position - signing {
                case ..<(-1): "verifies refresh tokens only"
                case -1: "verifies until " + (next ?? "the next rotation")
                case 0: "signs" + since
                default: "signs from " + (key.signsAt ?? "")
                }
            line("token    \(key.id)  \(key.from)  \(state)")
        }
    }

    private func listSealingKeys(_ line: (String) -> Void) throws {
        var counts: [String: Int] = [:]
        for column in SealedColumn.all {
            for (id, count) in try column.countsByKey(on: connection) { counts[id, default: 0] += count }
        }
        let settings = ["SEALING_KEY": "seals", "SEALING_PREVIOUS_KEY": "opens"] as KeyValuePairs
        for (id, (setting, state)) in zip(sealingKeys?.ids ?? [], settings) {
            line("sealing  \(id)  from \(setting)  \(state); values: \(counts.removeValue(forKey: id) ?? 0)")
        }
        for (id, count) in counts.sorted(by: { $0.key < $1.key }) {
            line("sealing  \(id)  in no setting  values that do not open: \(count)")
        }
    }

    /// Reseals every value with the current sealing key, so that the previous one can be removed. It can run while the
    /// service runs, and each finished batch stays resealed if it is interrupted. Throws when a value cannot be opened.
    package func reseal(_ line: (String) -> Void) throws { try reseal(SealedColumn.all, line) }

    /// The same for the values of credentials only.
    package func resealCredentials(_ line: (String) -> Void) throws { try reseal([.credentials], line) }

    private func reseal(_ columns: [SealedColumn], _ line: (String) -> Void) throws {
        let keys = try requiredSealingKeys()
        var failed = 0
        for column in columns {
            let (resealed, unopened) = try column.reseal(keys, on: connection)
            line("\(column.name): \(resealed) resealed, \(unopened) that do not open")
            failed += unopened
        }
        guard failed == 0 else {
            throw Refusal(
                description: """
                    \(failed) values cannot be opened: they were sealed with a key that is not in the settings, \
                    or are damaged
                    """)
        }
    }

    private func requiredSealingKeys() throws -> KeyRing {
        guard let sealingKeys else {
            throw Refusal(description: "SEALING_KEY is not set: secrets cannot be stored without it")
        }
        return sealingKeys
    }
}
