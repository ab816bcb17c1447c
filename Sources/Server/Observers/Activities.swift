import App
import Flows
import HTTP
import SharedMemory

/// What a thread can be busy with, as the scoreboard shows it: an endpoint, or the type of a task.
enum Activities {
    /// The names by their keys.
    static let names: [SeriesKey: String] = Dictionary(
        (Routes.all.map { "\($0.method.rawValue) \($0.path)" } + Tasks.makeCatalog().tasks.map(\.type)).map {
            (SeriesKey($0), $0)
        }, uniquingKeysWith: { first, _ in first })
}
