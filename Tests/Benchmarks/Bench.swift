import EmbeddedPostgres

/// The database with its data, and who is measured on it.
struct Bench: Sendable {
    let server: EmbeddedPostgres.Server
    let masters: Int
    let rounds: Int
    let seconds: Int
    let acceptRate: Int
    /// In the order of the table; the others are compared with the first.
    let subjects: [Subject]
    let lists: RequestLines
    let accepts: RequestLines

    var builds: [OffersdBuild] { subjects.compactMap(\.build) }
    var pgbench: PgBench { PgBench(server: server, masters: masters) }

    /// The usual load: 8 connections with 4 requests under way on each.
    static let connections = 8
    static let inFlight = 4

    /// The rounds of a mode.
    ///
    /// - Throws: ``LoadFailure`` when a subject fails, answers wrongly, or loses what it acknowledged.
    func samples(of mode: Mode) async throws -> [Sample] {
        switch mode {
        case .calibrate: try await calibrate()
        case .list: try await list()
        case .accept:
            try await accept(setting: "8 clients", clients: Self.connections, inFlight: Self.inFlight, mode)
                + accept(setting: "8 clients, 1 in flight", clients: Self.connections, inFlight: 1, mode)
        case .mixed: try await mixed()
        case .connections: try await byConnections()
        case .scale: try await scale()
        case .latency: try await latency()
        case .memory: try await memory()
        case .ready: try await ready()
        case .capacity: try await capacity()
        case .instructions: try await instructions()
        }
    }

    /// Each round measures every subject once; every other round begins with the last, so that what drifts favours
    /// none. `measure` returns what to report for each name.
    func inTurns<One: Sendable>(
        _ mode: Mode, _ setting: String, _ some: [One],
        _ measure: (One) async throws -> [(subject: String, values: [Quantity: Double])]
    ) async throws -> [Sample] {
        var samples: [Sample] = []
        for round in 0..<rounds {
            var ofRound: [Int: [Sample]] = [:]
            for index in round % 2 == 0 ? Array(some.indices) : some.indices.reversed() {
                ofRound[index] = try await measure(some[index]).map {
                    Sample(mode: mode.rawValue, setting: setting, subject: $0.subject, round: round, values: $0.values)
                }
                for sample in ofRound[index] ?? [] { show(sample) }
            }
            samples += some.indices.flatMap { ofRound[$0] ?? [] }
        }
        return samples
    }

    private func show(_ sample: Sample) {
        let values = Quantity.allCases.compactMap { quantity in
            sample.values[quantity].map { "\(quantity.title) \(Decimals.text($0))" }
        }
        Progress.show(
            "\(sample.mode), \(sample.setting), \(sample.subject), round \(sample.round + 1) of \(rounds): "
                + values.joined(separator: ", "))
    }

    /// A fresh process of the build, warm: half a second of lists came before.
    func withOffersd<Value: Sendable>(
        _ build: OffersdBuild, isWarm: Bool = true, _ body: @Sendable (Offersd) async throws -> Value
    ) async throws -> Value {
        try await Offersd.run(build, folder: server.folder, database: server.connectionString()) { offersd in
            if isWarm { _ = try await LoadGenerator.run(plan(offersd, pace: .inFlight(Self.inFlight), seconds: 0.5)) }
            return try await body(offersd)
        }
    }

    func plan(
        _ offersd: Offersd, connections: Int = connections, pace: LoadPlan.Pace, seconds: Double? = nil,
        requests: RequestLines? = nil
    ) -> LoadPlan {
        LoadPlan(
            socket: offersd.socket, connections: connections, pace: pace, seconds: seconds ?? Double(self.seconds),
            requests: requests ?? lists)
    }

    /// Carries out a plan, and says what it cost the process.
    func figures(_ offersd: Offersd, _ plan: LoadPlan) async throws -> (result: LoadResult, values: [Quantity: Double])
    {
        let before = try offersd.process.usage()
        let result = try await LoadGenerator.run(plan)
        var values = try offersd.process.usage().perRequest(since: before, requests: result.answered)
        values.merge(result.values) { $1 }
        return (result, values)
    }
}

extension LoadResult {
    /// Throughput and latency.
    var values: [Quantity: Double] {
        [.perSecond: perSecond, .p50: microseconds(percentile: 50), .p99: microseconds(percentile: 99)]
    }
}
