/// What is measured; the order is that of the table's columns.
enum Quantity: String, CaseIterable, Codable, CodingKeyRepresentable, Sendable {
    case perSecond
    case p50
    case p99
    case cpu
    case databaseCPU
    case switches
    case replyBytes
    case walBytes
    case transactions
    case idle
    case busy
    case ready
    case instructions

    /// The column's head, with the unit.
    var title: String {
        switch self {
        case .perSecond: "per s"
        case .p50: "p50 µs"
        case .p99: "p99 µs"
        case .cpu: "CPU µs each"
        case .databaseCPU: "Postgres CPU µs each"
        case .switches: "switches each"
        case .replyBytes: "reply bytes each"
        case .walBytes: "WAL bytes each"
        case .transactions: "transactions each"
        case .idle: "idle MB"
        case .busy: "busy MB"
        case .ready: "ready ms"
        case .instructions: "instructions each"
        }
    }

    var isLatency: Bool { self == .p50 || self == .p99 }
}

/// What one subject did in one round.
struct Sample: Codable, Sendable {
    let mode: String
    /// The circumstances: everything that is compared with each other has the same.
    let setting: String
    /// pgbench or a build of offersd.
    let subject: String
    let round: Int
    let values: [Quantity: Double]
}

extension [Double] {
    /// The middle one, or the mean of the two in the middle; nil if there are none.
    func median() -> Double? {
        guard !isEmpty else { return nil }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }

    /// The smallest value that is not below `percent` percent of them (nearest rank).
    func percentile(_ percent: Double) -> Double? {
        guard !isEmpty else { return nil }
        let rank = Int((percent / 100 * Double(count)).rounded(.up))
        return sorted()[Swift.min(Swift.max(rank, 1), count) - 1]
    }
}
