import JSONRPC
import Offers

/// `--check`: is everything there that the bot needs?
struct Check {
    let api: BotAPI
    let offersd: Offersd

    /// Prints a line for each thing. Returns whether all of them are right.
    func run() async -> Bool {
        let telegram = await checkTelegram()
        let service = await checkService()
        return telegram && service
    }

    private func checkTelegram() async -> Bool {
        do {
            let me = try await api.call(.getMe)
            print("telegram: ok, the bot is @\(me["username"]?.stringValue ?? "?")")
            return true
        } catch {
            print("telegram: \(error)")
            return false
        }
    }

    private func checkService() async -> Bool {
        do {
            let health = try await offersd.health()
            switch health.status {
            case .ok:
                print("offersd: ok, version \(health.version)")
                return true
            case .degraded where health.database.readOnly == true:
                print("offersd: its database is read-only, so nobody can accept")
            case .degraded:
                print("offersd: its database lacks \(health.database.missing.joined(separator: ", "))")
            case .down where health.database.reachable:
                print("offersd: nothing works, its database lacks \(health.database.missing.joined(separator: ", "))")
            case .down:
                print("offersd: its database does not answer")
            }
        } catch CallFailure.unreachable {
            print("offersd: nobody listens on \(offersd.socket), or this user may not use it")
        } catch CallFailure.refused(let error) {
            print("offersd: \(error.message)")
        } catch let failure as CallFailure {
            print("offersd: \(failure.name)")
        } catch {
            print("offersd: \(error)")
        }
        return false
    }
}
