/// The rounds of a benchmark, and what they come to.
struct Report: Codable, Sendable {
    /// What it ran on and with.
    let circumstances: [String: String]
    /// Every round, in the order in which they were run.
    private(set) var samples: [Sample] = []
    /// The medians.
    private(set) var rows: [Row] = []

    /// One subject in one setting.
    struct Row: Codable, Sendable {
        let mode: String
        let setting: String
        let subject: String
        let rounds: Int
        /// The median of the rounds.
        let medians: [Quantity: Double]
        /// The median of the quotients, round by round, of this subject and the setting's first one; empty for that.
        let ratios: [Quantity: Double]
    }

    init(circumstances: [String: String]) {
        self.circumstances = circumstances
    }

    mutating func add(_ more: [Sample]) {
        samples += more
        rows = Self.rows(of: samples)
    }

    private static func rows(of samples: [Sample]) -> [Row] {
        var order: [[String]] = []
        var groups: [[String]: [Sample]] = [:]
        for sample in samples {
            let key = [sample.mode, sample.setting, sample.subject]
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(sample)
        }
        return order.map { key in
            let group = groups[key] ?? []
            let first = order.first { $0[..<2] == key[..<2] } ?? key
            let reference = first == key ? [] : groups[first] ?? []
            let isSameLoad = Mode(rawValue: key[0])?.isSameLoad(first: first[2]) == true
            var medians: [Quantity: Double] = [:]
            var ratios: [Quantity: Double] = [:]
            for quantity in Quantity.allCases {
                medians[quantity] = group.compactMap { $0.values[quantity] }.median()
                guard quantity == .perSecond || isSameLoad && quantity.isLatency else { continue }
                ratios[quantity] = group.compactMap { sample -> Double? in
                    guard let own = sample.values[quantity],
                        let other = reference.first(where: { $0.round == sample.round })?.values[quantity], other > 0
                    else { return nil }
                    return own / other
                }.median()
            }
            return Row(
                mode: key[0], setting: key[1], subject: key[2], rounds: group.count, medians: medians, ratios: ratios)
        }
    }
}
