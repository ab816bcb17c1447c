import Postgres
import TestSupport
import Testing

/// Postgres compresses large values while it commits a run: see `0028_compression.sql`.
@Suite struct CompressionTests {
    let database: TestDatabase

    init() throws {
        database = try TestDatabase.make()
    }

    @Test func everyColumnOfJSONIsCompressedWithLZ4() throws {
        let others = try database.connect().query(
            """
            SELECT attrelid::regclass || '.' || attname FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
            WHERE c.relnamespace = 'public'::regnamespace AND a.atttypid = 'json'::regtype
                AND a.attcompression <> 'l'
            """)
        #expect(try others.map { try $0.decode(String.self) } == [])
    }
}
