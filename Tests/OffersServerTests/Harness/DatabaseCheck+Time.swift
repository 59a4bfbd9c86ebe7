import OffersServer

extension DatabaseCheck {
    /// What a check says of a database that has a minute for each read: on a slow machine it needs more than a list may.
    static func report(on connectionInfo: String) async -> Report {
        await run(connectionInfo: connectionInfo, readDeadline: .seconds(60))
    }
}
