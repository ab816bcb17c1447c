package import Postgres

/// The statements that move credits. Each one updates the user's row of `credits` and inserts the entry into `ledger`.
/// It may be the last statement before COMMIT: if the credits do not suffice it fails, and the transaction with it
/// (`PostgresError.isInsufficientCredits`).
///
/// It locks the user's row until the transaction ends, so concurrent transactions cannot spend the same credits. A
/// transaction that takes other locks as well takes this one last. Amounts are whole credits above zero: what is free
/// needs no entry. Settling or releasing more than is held is a programming error and violates another constraint.
package enum Ledger {
    /// The accounts between which an entry moves credits. `issued` and `revenue` belong to the operator of the service,
    /// the others to the user.
    package enum Account: String, Sendable, CaseIterable {
        case issued
        case available
        case held
        case revenue
    }

    /// Issues new credits to a user, who must exist.
    package static func grant(_ amount: Int64, to userID: String, note: String? = nil) -> SQL {
        let moved: SQL = """
            INSERT INTO credits AS c (user_id, balance, entries) VALUES (\(userID), \(amount), 1)
            ON CONFLICT (user_id) DO UPDATE SET balance = c.balance + excluded.balance, entries = c.entries + 1
            RETURNING c.entries, c.balance, c.held
            """
        return entry(moved, .issued, .available, amount, of: userID, execution: nil, note: note)
    }

    /// Spends available credits.
    package static func charge(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .available, to: .revenue, of: userID, execution: execution)
    }

    /// Holds available credits until they are settled or released.
    package static func hold(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .available, to: .held, of: userID, execution: execution)
    }

    /// Spends held credits.
    package static func settle(_ amount: Int64, of userID: String, execution: String?) -> SQL {
        move(amount, from: .held, to: .revenue, of: userID, execution: execution)
    }

    /// Makes held credits available again.
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

    /// - Parameter moved: updates the user's row and returns it. If there is none, the entry is computed from a balance
    ///   of zero, and its constraints reject the negative result.
    private static func entry(
        _ moved: SQL, _ debit: Account, _ credit: Account, _ amount: Int64, of userID: String, execution: String?,
        note: String?
    ) -> SQL {
        // The defaults of the table set the id and the time. They are evaluated after the row of `credits` is locked,
        // so ids and times have the order of the entries.
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
    /// Whether a ledger statement failed because it would spend or hold more than the user has available.
    package var isInsufficientCredits: Bool { sqlState == .checkViolation && constraint == "credits_suffice" }
}
