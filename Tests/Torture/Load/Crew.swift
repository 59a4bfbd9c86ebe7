/// All who are at work in a run: clients of the services, and the company's other programs.
struct Crew: Sendable {
    /// The choices of all of them.
    let seed: UInt64
    let sockets: [String]
    /// Masters for two duels.
    let duelists: [Int]
    var clients = 12
    var writers = 3
    /// Clients who call one service each, however many there are.
    var loyalClients = 0
    /// Makes sessions for the other programs.
    let makeSession: @Sendable () -> SQLSession

    /// Has them work until `body` returns; what they did is on the board.
    func work(_ board: Board, during body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<clients + loyalClients * sockets.count {
                let services = number < clients ? nil : [(number - clients) % sockets.count]
                group.addTask {
                    var client = LoadClient(
                        board, sockets: sockets, services: services, seed: seed, number: number + 1)
                    await client.run()
                }
            }
            for number in 1...writers {
                let session = makeSession()
                group.addTask {
                    var writer = OtherWriter(board, session, seed: seed, number: number)
                    await writer.run()
                }
            }
            for pair in [(duelists[0], duelists[1]), (duelists[2], duelists[3])] {
                let session = makeSession()
                group.addTask {
                    let writer = OtherWriter(board, session, seed: seed, number: 100)
                    var duel = Duel(board, sockets: sockets, writer: writer, masters: pair, seed: seed)
                    await duel.run()
                }
            }
            defer { board.end() }
            try await body()
        }
    }
}
