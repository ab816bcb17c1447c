import Postgres

/// The history of runs, as if the database had been in use for a year.
extension TestDatabase {
    /// Gives the last twelve months partitions of their own, as a database has them that is older. No run is stored.
    package func makePastMonths() throws {
        try connect().execute(
            unsafeScript: """
                DO $$
                DECLARE
                    parent text;
                    part   text;
                    bound  uuid;
                    month  timestamptz := date_trunc('month', now(), 'UTC') - interval '12 months';
                BEGIN
                    SELECT after INTO bound FROM history WHERE first IS NULL;
                    FOREACH parent IN ARRAY ARRAY['executions', 'steps'] LOOP
                        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_first');
                        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                            parent, parent || '_first', first_id(month));
                    END LOOP;
                    WHILE first_id(month) < bound LOOP
                        FOREACH parent IN ARRAY ARRAY['executions', 'steps'] LOOP
                            part := parent || '_' || to_char(month, 'YYYY_MM');
                            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                                part, parent, first_id(month), first_id(month + interval '1 month'));
                        END LOOP;
                        month := month + interval '1 month';
                    END LOOP;
                END
                $$
                """)
    }

    /// Makes a run older by so many days: its id becomes another one, which is returned.
    package func age(_ run: String, days: Int) throws -> String {
        let connection = connect()
        let old = try connection.query(
            """
            SELECT overlay(\(run)::text PLACING
                left(first_id(time_of(\(run)) - \(days)::integer * interval '1 day')::text, 13) FROM 1)
            """
        ).only.decode(String.self)
        try connection.pipeline([
            """
            UPDATE executions SET id = \(old), created_at = created_at - \(days)::integer * interval '1 day'
            WHERE id = \(run)
            """,
            "UPDATE steps SET execution_id = \(old) WHERE execution_id = \(run)",
            "UPDATE queue SET execution_id = \(old) WHERE execution_id = \(run)",
        ])
        return old
    }
}
