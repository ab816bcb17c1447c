package import Postgres

/// What each type of task costs, and which may be run, as it stood when it was read.
package struct PriceList: Sendable {
    /// Of the types that somebody has set.
    private let prices: [String: Price]

    /// Those prices, and the standard ones.
    package init(_ prices: [String: Price] = [:]) { self.prices = prices }

    package init(on connection: Connection) throws {
        let rows = try connection.query("SELECT task_type, cost, active FROM prices")
        var prices: [String: Price] = [:]
        for row in rows {
            let (type, cost, isActive) = try row.decode(String.self, Int64.self, Bool.self)
            prices[type] = Price(cost: cost, isActive: isActive)
        }
        self.prices = prices
    }

    /// The price of one run of a task, in whole credits.
    package subscript(type: String) -> Int64 { price(of: type).cost }

    package func isActive(_ type: String) -> Bool { price(of: type).isActive }

    package func price(of type: String) -> Price { prices[type] ?? .standard }
}

/// What a task costs each time it succeeds, and whether it may be run at present.
package struct Price: Sendable, Equatable {
    /// In whole credits.
    package let cost: Int64
    package let isActive: Bool

    /// Of a type that nobody has set.
    static let standard = Price(cost: 0, isActive: true)

    package init(cost: Int64, isActive: Bool) {
        self.cost = cost
        self.isActive = isActive
    }

    /// Sets what is told of a type's price, and leaves the rest as it is; returns the whole.
    package static func set(_ type: String, cost: Int64?, isActive: Bool?, on connection: Connection) throws -> Price {
        let rows = try connection.query(
            """
            INSERT INTO prices AS p (task_type, cost, active)
            VALUES (\(type), coalesce(\(optional: cost)::bigint, \(standard.cost)),
                coalesce(\(optional: isActive)::boolean, \(standard.isActive)))
            ON CONFLICT (task_type) DO UPDATE
            SET cost = coalesce(\(optional: cost)::bigint, p.cost),
                active = coalesce(\(optional: isActive)::boolean, p.active)
            RETURNING p.cost, p.active
            """)
        let (cost, isActive) = try rows.only.decode(Int64.self, Bool.self)
        return Price(cost: cost, isActive: isActive)
    }

    /// Sets the price of a type unless somebody has set it.
    package static func setFirst(_ cost: Int64, of type: String, on connection: Connection) throws {
        try connection.execute(
            "INSERT INTO prices (task_type, cost, active) VALUES (\(type), \(cost), true) ON CONFLICT DO NOTHING")
    }
}
