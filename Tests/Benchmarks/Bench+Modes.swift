import EmbeddedPostgres
import Glibc

/// What each mode does.
extension Bench {
    /// The generator's own limit, and what it costs: its CPU for each request.
    func calibrate() async throws -> [Sample] {
        let path = "\(server.folder)/calibrate.sock"
        // About as long as a list of five offers.
        var reply = RequestLines.resultPrefix + [UInt8](repeating: UInt8(ascii: "x"), count: 1500)
        reply.append(UInt8(ascii: "\n"))
        let line = reply
        return try await inTurns(.calibrate, "8 connections × 4", ["fixed reply"]) { subject in
            let (listening, isListening) = AsyncStream.makeStream(of: Void.self)
            defer { unlink(path) }
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { isListening.finish() }
                    try await FixedResponder.run(path: path, connections: Self.connections, reply: line) {
                        isListening.finish()
                    }
                }
                for await _ in listening {}
                let result = try await LoadGenerator.run(
                    LoadPlan(
                        socket: path, connections: Self.connections, pace: .inFlight(Self.inFlight),
                        seconds: Double(seconds), requests: lists))
                try await group.waitForAll()
                var values = result.values
                values[.cpu] = result.generatorCPU * 1e6 / Double(max(1, result.answered))
                return [(subject, values)]
            }
        }
    }

    func list() async throws -> [Sample] {
        try await inTurns(.list, "8 clients", subjects) { subject in
            switch subject {
            case .pgbench:
                [(subject.name, try await pgbench.run(.list, clients: Self.connections, seconds: seconds).values)]
            case .offersd(let build):
                try await withOffersd(build) { offersd in
                    [(build.name, try await figures(offersd, plan(offersd, pace: .inFlight(Self.inFlight))).values)]
                }
            }
        }
    }

    /// Accepts until the time or the open orders are over. What was acknowledged must be in the database, and nothing
    /// else; then all of it is taken back.
    func accept(setting: String, clients: Int, inFlight: Int, _ mode: Mode) async throws -> [Sample] {
        try await inTurns(mode, setting, subjects) { subject in
            switch subject {
            case .pgbench:
                let outcome = try await pgbench.run(.accept, clients: clients, seconds: seconds)
                guard outcome.transactions < accepts.count else {
                    throw LoadFailure(description: "pgbench ran out of open orders: fewer seconds, or more masters")
                }
                try await checkAndTakeBack(outcome.transactions)
                return [(subject.name, outcome.values)]
            case .offersd(let build):
                return try await withOffersd(build) { offersd in
                    let (result, values) = try await figures(
                        offersd,
                        plan(offersd, connections: clients, pace: .inFlight(inFlight), requests: accepts))
                    try await checkAndTakeBack(result.answered)
                    return [(build.name, values)]
                }
            }
        }
    }

    private func checkAndTakeBack(_ acknowledged: Int) async throws {
        let accepted = try await server.sql(Seed.accepted).first.flatMap { Int($0) }
        guard accepted == acknowledged else {
            throw LoadFailure(
                description: "\(acknowledged) accepts were acknowledged, \(accepted ?? -1) are in the database")
        }
        try await server.sql(Seed.takeBack)
    }

    /// Each subject is compared with itself, under the usual load and at half of offersd's maximal load.
    func mixed() async throws -> [Sample] {
        let half = try await halfLoad()
        var samples: [Sample] = []
        for (setting, rate) in [("8 clients", nil), ("lists at half load", half)] {
            for subject in subjects {
                samples += try await inTurns(.mixed, "\(setting), \(subject.name)", [subject]) {
                    try await mixed($0, perSecond: rate)
                }
            }
        }
        return samples
    }

    /// - Parameter rate: of the lists; nil: as many as there can be.
    private func mixed(
        _ subject: Subject, perSecond rate: Double?
    ) async throws -> [(subject: String, values: [Quantity: Double])] {
        let alone: [Quantity: Double]
        let beside: [Quantity: Double]
        switch subject {
        case .pgbench:
            alone = try await pgbenchLists(perSecond: rate)
            async let stream = pgbench.run(
                .accept, clients: Self.connections, seconds: seconds, perSecond: Double(acceptRate))
            beside = try await pgbenchLists(perSecond: rate)
            try await checkAndTakeBack(try await stream.transactions)
        case .offersd(let build):
            (alone, beside) = try await withOffersd(build) { offersd in
                let lists = plan(offersd, pace: rate.map { .perSecond($0) } ?? .inFlight(Self.inFlight))
                let alone = try await figures(offersd, lists).values
                let accepts = plan(offersd, pace: .perSecond(Double(acceptRate)), requests: accepts)
                async let stream = LoadGenerator.run(accepts)
                let beside = try await LoadGenerator.run(lists).values
                try await checkAndTakeBack(try await stream.answered)
                return (alone, beside)
            }
        }
        return [("alone", alone), ("beside \(acceptRate) accepts/s", beside)]
    }

    func byConnections() async throws -> [Sample] {
        var samples: [Sample] = []
        for connections in [1, 8, 100, 1000] {
            samples += try await inTurns(.connections, "\(connections) × 1", subjects) { subject in
                switch subject {
                case .pgbench:
                    // A client of pgbench is a process of Postgres; no server takes a thousand of them.
                    guard connections <= 100 else { return [] }
                    return [(subject.name, try await pgbench.run(.list, clients: connections, seconds: seconds).values)]
                case .offersd(let build):
                    return try await withOffersd(build) { offersd in
                        let plan = plan(offersd, connections: connections, pace: .inFlight(1))
                        return [(build.name, try await figures(offersd, plan).values)]
                    }
                }
            }
        }
        return samples
    }

    /// Each build is compared with itself under the usual load.
    func scale() async throws -> [Sample] {
        let usual = (connections: Self.connections, inFlight: Self.inFlight)
        var samples: [Sample] = []
        for build in builds {
            samples += try await inTurns(.scale, build.name, [usual, (100, 1), (1000, 1)]) { load in
                try await withOffersd(build) { offersd in
                    let plan = plan(offersd, connections: load.connections, pace: .inFlight(load.inFlight))
                    return [("\(load.connections) × \(load.inFlight)", try await figures(offersd, plan).values)]
                }
            }
        }
        return samples
    }

    func latency() async throws -> [Sample] {
        let one = try await inTurns(.latency, "list, one at a time", subjects) { subject in
            switch subject {
            case .pgbench: [(subject.name, try await pgbench.run(.list, clients: 1, seconds: seconds).values)]
            case .offersd(let build):
                try await withOffersd(build) { offersd in
                    [(build.name, try await figures(offersd, plan(offersd, connections: 1, pace: .inFlight(1))).values)]
                }
            }
        }
        let accept = try await accept(setting: "accept, one at a time", clients: 1, inFlight: 1, .latency)
        let rate = try await halfLoad()
        let half = try await inTurns(.latency, "lists at half load", subjects) { subject in
            switch subject {
            case .pgbench: [(subject.name, try await pgbenchLists(perSecond: rate))]
            case .offersd(let build):
                try await withOffersd(build) { offersd in
                    [(build.name, try await figures(offersd, plan(offersd, pace: .perSecond(rate))).values)]
                }
            }
        }
        return one + accept + half
    }

    private func pgbenchLists(perSecond rate: Double?) async throws -> [Quantity: Double] {
        try await pgbench.run(.list, clients: Self.connections, seconds: seconds, perSecond: rate).values
    }

    /// Half of the lists a second that offersd, the first of several builds, does with the usual load in a short run.
    private func halfLoad() async throws -> Double {
        guard let build = builds.first else { throw LoadFailure(description: "no build of offersd") }
        return try await withOffersd(build) { offersd in
            try await LoadGenerator.run(plan(offersd, pace: .inFlight(Self.inFlight), seconds: 2)).perSecond / 2
        }
    }

    func memory() async throws -> [Sample] {
        try await inTurns(.memory, "1000 × 1", builds) { build in
            try await withOffersd(build, isWarm: false) { offersd in
                let idle = try offersd.process.residentMegabytes().now
                _ = try await LoadGenerator.run(plan(offersd, connections: 1000, pace: .inFlight(1)))
                return [(build.name, [.idle: idle, .busy: try offersd.process.residentMegabytes().peak])]
            }
        }
    }

    func ready() async throws -> [Sample] {
        try await inTurns(.ready, "start", builds) { build in
            try await withOffersd(build, isWarm: false) { offersd in [(build.name, [.ready: offersd.readyMilliseconds])]
            }
        }
    }

    /// Some thousand requests of each kind are enough: what the service does now and then on its own falls into one run
    /// once more than into another, and is small beside them. The database has no `distribution_metrics` meanwhile: how
    /// many of its rows are written by one statement is a matter of time, and moved the count of an accept by 5 %.
    func instructions() async throws -> [Sample] {
        let putAway = "ALTER TABLE distribution_metrics RENAME TO put_away;"
        let bringBack = "ALTER TABLE put_away RENAME TO distribution_metrics;"
        try await server.sql(putAway)
        let samples = try await inTurns(.instructions, "one at a time", builds) { build in
            let counter = InstructionCounter(
                build: build, folder: server.folder, database: server.connectionString())
            let list = try await counter.perRequest(lists.prefix(3000), few: 300) {}
            let accept = try await counter.perRequest(accepts.prefix(1500), few: 150) {
                try await server.sql(bringBack + Seed.takeBack + putAway)
            }
            return [("\(build.name), list", [.instructions: list]), ("\(build.name), accept", [.instructions: accept])]
        }
        try await server.sql(bringBack)
        return samples
    }
}
