import Deadlines
import JSONRPC
import Offers
import Postgres

/// One of many clients: connects to one of the services, makes some calls one after the other, and comes again.
struct LoadClient {
    let board: Board
    let sockets: [String]
    /// The services that it calls, as places in `sockets`.
    private let services: [Int]
    private var generator: SeededGenerator
    /// What it does next, before it has an idea of its own.
    private var next: [Call.Request] = []

    /// How long a reply is waited for beyond every deadline, before it counts as missing.
    private static let replyTimeout = Duration.seconds(20)

    /// - Parameter services: The services that it calls, as places in `sockets`; all of them by default.
    init(_ board: Board, sockets: [String], services: [Int]? = nil, seed: UInt64, number: Int) {
        self.board = board
        self.sockets = sockets
        self.services = services ?? Array(sockets.indices)
        self.generator = SeededGenerator(seed: seed, participant: number)
    }

    /// Goes on until the run is over.
    mutating func run() async {
        while !board.isOver {
            guard let service = services.filter({ !board.isSpared($0) }).randomElement(using: &generator) else {
                try? await Task.sleep(for: .milliseconds(1))
                continue
            }
            do {
                try await Client.withConnection(to: sockets[service]) { client in
                    await talk(to: client, service)
                }
            } catch {
                // The service is being started again.
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private mutating func talk(to client: Client, _ service: Int) async {
        let connection = board.nextConnection()
        for _ in 0..<Int.random(in: 10...60, using: &generator) where !board.isOver && !board.isSpared(service) {
            guard let request = chooseRequest() else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            let leaves = generator.oneIn(60)
            let began = MonotonicTime.now()
            let outcome = leaves ? await abandon(request, client) : await LoadClient.outcome(of: request, client)
            board.note(
                Call(
                    request: request, connection: connection, service: service,
                    span: Span(began: began, ended: .now()), outcome: outcome))
            if leaves { return }
            if case .lost = outcome { return }
            follow(request, outcome)
        }
    }

    /// Goes away while the request is being carried out.
    private mutating func abandon(_ request: Call.Request, _ client: Client) async -> Call.Outcome {
        let delay = Duration.milliseconds(Double.random(in: 0...4, using: &generator))
        return await withTaskGroup { group in
            group.addTask { await LoadClient.outcome(of: request, client) }
            try? await Task.sleep(for: delay)
            group.cancelAll()
            return await group.next() ?? .lost(byClient: true)
        }
    }

    /// Makes a call and puts into one value what became of it.
    static func outcome(of request: Call.Request, _ client: Client) async -> Call.Outcome {
        let offers = OffersClient(client, deadline: replyTimeout)
        func pair(_ master: Int, _ order: Int) -> OrderParams {
            OrderParams(master: .id(Int64(master)), order: Int64(order))
        }
        do {
            switch request {
            case .list(let master):
                return .listed(try await offers.listOffers(.init(master: .id(Int64(master)), limit: 100)))
            case .card(let master, let order):
                return .shown(offer: Int(try await offers.getOffer(pair(master, order)).offer.entry.offerId))
            case .accept(let master, let order):
                let result = try await offers.acceptOffer(pair(master, order))
                return .accepted(
                    offer: result.offerId.map(Int.init), version: Int(result.order.version),
                    already: result.alreadyAccepted)
            case .decline(let master, let order):
                let result = try await offers.declineOffer(pair(master, order))
                return .declined(offer: Int(result.offerId), already: result.alreadyDeclined)
            }
        } catch let error as RPCError {
            return error.knownReason.map { .refused($0) } ?? .malformed(error.reason)
        } catch ClientError.connectionLost {
            return .lost(byClient: false)
        } catch ClientError.deadlineExceeded {
            return .unanswered
        } catch is CancellationError {
            return .lost(byClient: true)
        } catch {
            return .malformed("\(error)")
        }
    }

    // MARK: What it does

    private mutating func chooseRequest() -> Call.Request? {
        if !next.isEmpty { return next.removeFirst() }
        let die = Int.random(in: 0..<100, using: &generator)
        if die < 25 { return .list(master: board.masters.randomElement(using: &generator) ?? 0) }
        if die < 40 {
            let master = board.focus
            return board.orders(of: master).suffix(4).randomElement(using: &generator).map {
                .accept(master: master, order: $0)
            }
        }
        guard let entry = board.entry(&generator) else { return nil }
        // Now and then a master whom it was not offered to.
        let masters = generator.oneIn(12) ? board.masters : entry.masters
        let master = masters.randomElement(using: &generator) ?? 0
        switch die {
        case ..<82: return .accept(master: master, order: entry.order)
        case ..<92: return .decline(master: master, order: entry.order)
        default: return .card(master: master, order: entry.order)
        }
    }

    /// What one does after a success: look at the list, tap again, take another one at the same time.
    private mutating func follow(_ request: Call.Request, _ outcome: Call.Outcome) {
        switch (request, outcome) {
        case (.accept(let master, _), .accepted(_, _, already: false)):
            if generator.oneIn(2) { next.append(.list(master: master)) }
            if generator.oneIn(5) { next.append(request) }
        case (.accept, .refused(.outcomeUnknown)):
            next.append(request)
        case (.decline(let master, _), .declined):
            if generator.oneIn(2) { next.append(.list(master: master)) }
            if generator.oneIn(5) { next.append(request) }
        default: break
        }
    }
}
