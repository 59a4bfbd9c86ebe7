import OffersServer
import Postgres

extension DatabaseCheck {
    /// Checks with a minute for each statement. A slow machine needs more than the defaults.
    static func report(on connectionInfo: String) async -> Report {
        var settings = Settings(connectionInfo: connectionInfo)
        (settings.postgres.readDeadline, settings.writeDeadline) = (.seconds(60), .seconds(60))
        return await run(settings)
    }
}
