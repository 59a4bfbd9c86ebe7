import JSONRPC
import Offers
import StandardOutput

/// `--check`: is everything there that the bot needs?
struct Check {
    let api: BotAPI
    let offersd: Offersd

    /// What was found of one thing: whether it is right, and a sentence.
    private typealias Finding = (isRight: Bool, text: String)

    /// Prints a line for each thing. Returns whether all of them are right.
    func run() async throws -> Bool {
        let telegram = await telegram()
        try StandardOutput.write("telegram: \(telegram.text)\n")
        let service = await service()
        try StandardOutput.write("offersd: \(service.text)\n")
        return telegram.isRight && service.isRight
    }

    private func telegram() async -> Finding {
        do {
            let me = try await api.call(.getMe)
            return (true, "ok, the bot is @\(me["username"]?.stringValue ?? "?")")
        } catch {
            return (false, "\(error)")
        }
    }

    private func service() async -> Finding {
        do {
            let health = try await offersd.health()
            let missing = health.database.missing.joined(separator: ", ")
            return switch health.status {
            case .ok: (true, "ok, version \(health.version)")
            case .degraded where health.database.readOnly == true:
                (false, "its database is read-only, so every accept is refused")
            case .degraded: (false, "its database lacks \(missing)")
            case .down where health.database.reachable: (false, "nothing works, its database lacks \(missing)")
            case .down: (false, "its database does not answer")
            }
        } catch CallFailure.unreachable {
            return (false, "nothing listens on \(offersd.socket), or this user may not use it")
        } catch CallFailure.refused(let error) {
            return (false, error.message)
        } catch let failure as CallFailure {
            return (false, failure.name)
        } catch {
            return (false, "\(error)")
        }
    }
}
