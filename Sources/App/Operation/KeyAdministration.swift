package import Crypto
package import Postgres

/// What an operator does with keys from the command line, while the program serves.
package struct KeyAdministration {
    private let connection: Connection
    /// Those of the settings.
    private let tokenKeys: TokenKeys
    private let sealingKeys: KeyRing?

    package init(on connection: Connection, tokenKeys: TokenKeys, sealingKeys: KeyRing?) {
        self.connection = connection
        self.tokenKeys = tokenKeys
        self.sealingKeys = sealingKeys
    }

    /// Makes the key that is to sign the access tokens; returns what happens when.
    ///
    /// The key before it goes on verifying, the one before that no longer does: unless forced, that is refused while
    /// tokens of it may be about. Refresh tokens outlive any number of changes.
    package func rotateTokenKey(isForced: Bool) throws -> String {
        let sealingKeys = try requiredSealingKeys()
        return try connection.transaction { connection in
            // One at a time, and nobody who only reads has to wait.
            try connection.execute("LOCK TABLE token_keys IN SHARE ROW EXCLUSIVE MODE")
            if !isForced { try refuseToEndTokens(connection) }
            let (id, signsAt) = try TokenKey.make(sealedBy: sealingKeys, on: connection)
            return "key \(id) signs from \(signsAt) on"
        }
    }

    private func refuseToEndTokens(_ connection: Connection) throws {
        guard let seconds = try TokenKey.secondsOfOldTokens(on: connection) else {
            // Nobody knows since when the settings' second key no longer signs.
            guard tokenKeys.ids.count < 2 else {
                throw Refusal(
                    description: """
                        JWT_PREVIOUS_SECRET_KEY would no longer verify; if it has not signed for \
                        \(TokenKey.tokensEnd / 60) minutes, take it out of the settings, or say --force
                        """)
            }
            return
        }
        guard seconds <= 0 else {
            throw Refusal(
                description: """
                    tokens of the key that would go are good for another \(seconds) s; \
                    wait, or say --force to end them
                    """)
        }
    }

    /// One line a key: what it is for, its id, since when it is there, and what it does at present; never the key.
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

    /// Puts every sealed value under the present sealing key, so that the one before it can be dropped. What it has
    /// done stays done however it ends, and it may run while the program serves. Throws when a value does not open.
    package func reseal(_ line: (String) -> Void) throws {
        let keys = try requiredSealingKeys()
        var failed = 0
        for column in SealedColumn.all {
            let (resealed, unopened) = try column.reseal(keys, on: connection)
            line("\(column.name): \(resealed) resealed, \(unopened) that do not open")
            failed += unopened
        }
        guard failed == 0 else {
            throw Refusal(description: "\(failed) values are sealed by no key of the settings, or were changed")
        }
    }

    private func requiredSealingKeys() throws -> KeyRing {
        guard let sealingKeys else {
            throw Refusal(description: "SEALING_KEY is not set, and nothing secret is kept without")
        }
        return sealingKeys
    }
}
