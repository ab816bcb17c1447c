import JSON
import System

/// How far a run has come, stored with each commit of a run that has not ended. A worker continues from it and from the
/// last steps; it does not read the whole record.
struct RunProgress: Equatable {
    /// The number of the last step that has ended; 0 before the first.
    var number = 0
    /// How many steps of each task have ended, in the order of the flow's tasks.
    var visits: [Int]
    /// The size of the record, as `Engine.Limits.recordSize` counts it.
    var weight = 0
    /// The cost of the steps that have ended, in credits.
    var cost: Int64 = 0
    /// The processor time that the run has used; stored in microseconds.
    var processorTime = Duration.zero

    var json: JSON {
        [
            "number": JSON(number), "visits": .array(visits.map { JSON($0) }), "weight": JSON(weight),
            "cost": .integer(cost), "processor_us": .integer(processorTime.microseconds),
        ]
    }
}

extension RunProgress {
    init?(_ json: JSON) {
        guard let number = json["number"]?.integerValue, let visits = json["visits"]?.arrayValue,
            let weight = json["weight"]?.integerValue, let cost = json["cost"]?.integerValue
        else { return nil }
        self.init(
            number: Int(number), visits: visits.map { Int($0.integerValue ?? 0) }, weight: Int(weight), cost: cost,
            processorTime: .microseconds(json["processor_us"]?.integerValue ?? 0))
    }
}
