import Deadlines
import JSONRPC
import Offers
import Postgres
import TestDatabase

/// A well-behaved client beside others that are not: what it notices, and what the service needs for them.
struct Overload: Sendable {
    /// What was measured during one misbehaviour.
    struct Measure: Sendable {
        let name: String
        /// Calls of the well-behaved client; each was answered with the list.
        let calls: Int
        let median: Duration
        let p99: Duration
        /// Of the service, at the end; in KiB.
        let resident: Int
    }

    /// How long each misbehaviour is measured.
    var duration: Duration
    /// Further arguments of `offersd serve`.
    var arguments: [String] = []

    /// First without, then with each misbehaviour, then with all of them at once, then without again.
    func run() async throws -> [Measure] {
        let options = Stage.Options(services: 1, arguments: arguments)
        return try await Stage.run(options) { stage in
            let master = stage.masters[0]
            let orders = try await stage.database.insert((0..<10).map { _ in OrderRow(cityID: 1) })
            try await stage.database.insert(orders.map { OfferRow(orderID: $0, masterID: master) })
            var measures = [try await measure("alone", [], stage)]
            for misbehaviour in Misbehaviour.allCases {
                measures.append(try await measure(misbehaviour.rawValue, [misbehaviour], stage))
            }
            measures.append(try await measure("all", Misbehaviour.allCases, stage))
            measures.append(try await measure("alone again", [], stage))
            return measures
        }.value
    }

    private func measure(_ name: String, _ misbehaviours: [Misbehaviour], _ stage: Stage) async throws -> Measure {
        let service = stage.services[0]
        let request =
            #"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":{"masterId":\#(stage.masters[0])}}"#
        // It is connected before the others come: a full queue of the kernel lets no client in at once.
        return try await withPatientClient(of: service.socket) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for misbehaviour in misbehaviours {
                    let (swing, isInFullSwing) = AsyncStream.makeStream(of: Never.self)
                    group.addTask {
                        defer { isInFullSwing.finish() }
                        try await misbehaviour.run(against: service.socket, request: request) { isInFullSwing.finish() }
                    }
                    for await _ in swing {}
                }
                let times = try await behave(client, stage.masters[0]).sorted()
                let resident = service.processID.flatMap { Programs.residentKilobytes(of: $0) } ?? 0
                group.cancelAll()
                while let result = await group.nextResult() { try result.get() }
                return Measure(
                    name: name, calls: times.count, median: times[times.count / 2], p99: times[times.count * 99 / 100],
                    resident: resident)
            }
        }
    }

    /// Connects as soon as the kernel's queue has room, which after a storm is not at once.
    private func withPatientClient<Value: Sendable>(
        of socket: String, _ body: (Client) async throws -> Value
    ) async throws -> Value {
        while true {
            do {
                return try await Client.withConnection(to: socket, body)
            } catch ClientError.cannotConnect {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Lists, one call after the other, a millisecond apart. Returns how long each took.
    private func behave(_ client: Client, _ master: Int) async throws -> [Duration] {
        let end = MonotonicTime.now().advanced(by: duration)
        let offers = OffersClient(client)
        var times: [Duration] = []
        repeat {
            let began = MonotonicTime.now()
            _ = try await offers.listOffers(.init(master: .id(Int64(master))))
            times.append(began.duration(to: .now()))
            try await Task.sleep(for: .milliseconds(1))
        } while MonotonicTime.now() < end
        return times
    }
}
