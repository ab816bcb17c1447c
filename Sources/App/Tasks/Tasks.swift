package import Flows
package import HTTPClient
package import Programs

/// The list of all task types.
package enum Tasks {
    /// A catalog of them, made for the engine of one process.
    ///
    /// - Parameters:
    ///   - driver: sends the requests of steps; nil in a process that executes no such steps.
    ///   - credentials: opens what the requests carry.
    ///   - programs: runs the programs of steps; nil in a process that executes no such steps.
    ///   - hasPrograms: whether workers run programs.
    ///   - lifetime: how long a run may last.
    package static func makeCatalog(
        calling driver: HTTPDriver? = nil, credentials: CredentialStore = CredentialStore(sealedBy: nil),
        running programs: ProgramRunner? = nil, hasPrograms: Bool = false,
        lifetime: RunLifetime = Engine.Limits().lifetime
    ) -> TaskCatalog {
        TaskCatalog(
            [
                Pass(),
                Fail(),
                Calculation.addition,
                Calculation.subtraction,
                Calculation.multiplication,
                Calculation.division,
                Calculation.squareRoot,
                RandomArray(),
                RandomString(),
                DataFetch(),
                DataProcess(),
                DataStore(),
                Pause(lifetime: lifetime),
                Approval(lifetime: lifetime),
                FlowRun(),
                FlowMap(),
                FlowParallel(),
                HTTPRequest(driver, credentials),
                Exec(programs.map { .here($0) } ?? (hasPrograms ? .onWorkers : .off)),
                Transform(),
                Assertion(),
                Each(),
                PostCreation(),
                PostUpdate(),
                CreditBalance(),
            ],
            // Short names for the demo chain.
            aliases: [
                "task1": "data.fetch", "fetch_data": "data.fetch",
                "task2": "data.process", "process_data": "data.process",
                "task3": "data.store", "store_data": "data.store",
            ])
    }
}
