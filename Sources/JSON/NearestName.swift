/// The name that was probably meant: the first of those with the fewest edits, at most a third of the length.
///
/// An edit inserts, deletes or replaces one character or swaps two neighbours; case is ignored. Names longer than 40
/// characters return nil, so that hostile ones cost little.
package func nearest(to name: String, among names: some Sequence<String>) -> String? {
    guard let typed = comparable(name) else { return nil }
    var best: String?
    var fewest = typed.count / 3 + 1
    for candidate in names {
        guard let known = comparable(candidate), abs(known.count - typed.count) < fewest else { continue }
        let edits = distance(typed, known, below: fewest)
        if edits < fewest {
            fewest = edits
            best = candidate
        }
    }
    return best
}

private func comparable(_ name: String) -> [Unicode.Scalar]? {
    guard name.utf8.count <= 160 else { return nil }
    let scalars = Array(name.lowercased().unicodeScalars)
    return scalars.count <= 40 ? scalars : nil
}

/// The optimal string alignment distance, or `bound` as soon as it cannot be less than that.
private func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar], below bound: Int) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        row.reserveCapacity(b.count + 1)
        for j in b.indices {
            var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, beforeLast[j - 1] + 1) }
            row.append(edits)
        }
        guard (row.min() ?? 0) < bound else { return bound }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
