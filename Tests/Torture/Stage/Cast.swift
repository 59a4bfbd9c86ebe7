/// The masters of a run.
struct Cast: Sendable {
    /// Their own limits, in the order of their ids; nil: the setting's. The last four are for `Duel`.
    static let overrides: [Int?] = [nil, nil, nil, nil, 1, 1, 1, 2, 2, 1000, 1000, 1000, 1, 1, 1, 1]
    /// The setting `max_active_orders`.
    static let usualLimit = 4

    let masters: [Int]
    let duelists: [Int]
    let limits: [Int: Int]

    /// - Parameter ids: Those that the database gave to masters with `overrides`.
    init(_ ids: [Int]) {
        masters = Array(ids.dropLast(4))
        duelists = Array(ids.suffix(4))
        limits = Dictionary(uniqueKeysWithValues: zip(ids, Cast.overrides.map { $0 ?? Cast.usualLimit }))
    }
}
