package import Postgres

/// The statements that move credits. Each is one, changes the user's row of `credits` and writes the entry of `ledger`
/// together, and may be the last before COMMIT: where the credits do not suffice it fails, and with it the transaction
/// (`PostgresError.isInsufficientCredits`).
///
/// It holds the user's row until the transaction ends, so nobody spends what another one is spending. A transaction
/// that takes other locks as well takes this one last. Amounts are whole credits above zero: what costs nothing needs
/// no entry. Settling or releasing more than is held is a fault of the program, and fails with another constraint.
package enum Ledger {
    /// What an entry takes from and gives to. The first and the last are the house's, the others the user's own.
    package enum Account: String, Sendable, CaseIterable {
        case issued
        case available
        case held
        case revenue
    }

    /// Makes credits for a user, who must exist.
    package static func grant(_ amount: Int64, to userID: String, note: String? = nil) -> SQL {
        let moved: SQL = """
            INSERT INTO credits AS c (user_id, balance, entries) VALUES (\(userID), \(amount), 1)
            ON CONFLICT (user_id) DO UPDATE SET balance = c.balance + excluded.balance, entries = c.entries + 1
            RETURNING c.entries, c.balance, c.held
            """
        return entry(moved, .issued, .available, amount, of: userID, execution: nil, note: note)
    }

    /// Spends what is available.
    package static func charge(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .available, to: .revenue, of: userID, execution: execution)
    }

    /// Puts aside what is available, until it is settled or released.
    package static func hold(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .available, to: .held, of: userID, execution: execution)
    }

    /// Spends what was held.
    package static func settle(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .held, to: .revenue, of: userID, execution: execution)
    }

    /// Makes available again what was held.
    package static func release(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .held, to: .available, of: userID, execution: execution)
    }

    private static func move(
        _ amount: Int64, from debit: Account, to credit: Account, of userID: String, execution: String?
    ) -> SQL {
        func change(_ account: Account) -> Int64 {
            account == debit ? -amount : account == credit ? amount : 0
        }
        let moved: SQL = """
            UPDATE credits
            SET balance = balance + \(change(.available)), held = held + \(change(.held)), entries = entries + 1
            WHERE user_id = \(userID)
            RETURNING entries, balance, held
            """
        return entry(moved, debit, credit, amount, of: userID, execution: execution, note: nil)
    }

    /// - Parameter moved: changes the user's row and returns it. When there is none, the entry says what would be left
    ///   of nothing, which its constraints refuse.
    private static func entry(
        _ moved: SQL, _ debit: Account, _ credit: Account, _ amount: Int64, of userID: String, execution: String?,
        note: String?
    ) -> SQL {
        // Id and time are the table's, reckoned when the row of credits is ours: they go by the order of the entries.
        """
        WITH moved AS (\(moved))
        INSERT INTO ledger (user_id, seq, debit, credit, amount, balance, held, execution_id, note)
        SELECT \(userID)::uuid, coalesce(m.entries, 1), \(debit.rawValue)::text, \(credit.rawValue)::text,
            \(amount)::bigint, coalesce(m.balance, \(debit == .available ? -amount : 0)::bigint),
            coalesce(m.held, \(debit == .held ? -amount : 0)::bigint), \(optional: execution)::uuid,
            \(optional: note)::text
        FROM (VALUES (true)) AS always LEFT JOIN moved m ON true
        """
    }
}

extension PostgresError {
    /// Whether a statement of the ledger would have spent or held more than the user has available.
    package var isInsufficientCredits: Bool { sqlState == .checkViolation && constraint == "credits_suffice" }
}
