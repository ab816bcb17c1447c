import SharedMemory

/// Collects series, and writes them by metric in Prometheus' text format.
struct Exposition {
    /// The lines of each metric.
    private var lines: [Metric: [String]] = [:]

    /// Of a series that is no metric, nothing is written.
    mutating func add(_ series: String, _ value: UInt64) {
        guard let metric = Self.metric(of: series) else { return }
        let text = metric.isDuration ? Self.decimal(Double(value) / 1e9) : String(value)
        lines[metric, default: []].append("\(series) \(text)")
    }

    mutating func add(_ metric: Metric, _ value: Int) { add(metric.series(), UInt64(max(0, value))) }

    mutating func add(_ metric: Metric, seconds: Double) {
        lines[metric, default: []].append("\(metric.rawValue) \(Self.decimal(seconds))")
    }

    /// Also adds the number of each histogram's requests, as a metric of its own.
    mutating func add(histograms: [(text: String, counts: HistogramTable.Counts)]) {
        for (series, counts) in histograms {
            guard let metric = Self.metric(of: series), metric.kind == .histogram else { continue }
            let labels = series.dropFirst(metric.rawValue.count + 1).dropLast()
            var total: UInt64 = 0
            for (limit, count) in zip(Self.limits, counts.buckets) {
                total &+= count
                lines[metric, default: []].append("\(metric.rawValue)_bucket{\(labels),le=\"\(limit)\"} \(total)")
            }
            lines[metric, default: []].append(
                "\(metric.rawValue)_sum{\(labels)} \(Self.decimal(Double(counts.sum) / 1e9))")
            lines[metric, default: []].append("\(metric.rawValue)_count{\(labels)} \(total)")
            lines[.requests, default: []].append("\(Metric.requests.rawValue){\(labels)} \(total)")
        }
    }

    var text: String {
        var text = ""
        for metric in Metric.allCases {
            text += "# HELP \(metric.rawValue) \(metric.help)\n# TYPE \(metric.rawValue) \(metric.kind.rawValue)\n"
            for line in lines[metric] ?? [] { text += line + "\n" }
        }
        return text
    }

    private static func metric(of series: String) -> Metric? {
        Metric(rawValue: String(series.prefix { $0 != "{" }))
    }

    private static let limits = HistogramTable.limits.map { decimal(Double($0) / 1e9) } + ["+Inf"]

    private static func decimal(_ value: Double) -> String {
        let text = String(value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
