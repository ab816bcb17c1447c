package import Flows

/// The list of all task types.
package enum Tasks {
    /// A catalog of them, made for the engine of one process.
    package static func makeCatalog() -> TaskCatalog {
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
                Pause(),
                Approval(),
                FlowRun(),
                FlowMap(),
                FlowParallel(),
            ],
            // Short names for the demo chain.
            aliases: [
                "task1": "data.fetch", "fetch_data": "data.fetch",
                "task2": "data.process", "process_data": "data.process",
                "task3": "data.store", "store_data": "data.store",
            ])
    }
}
