import ArgumentParser

/// What can be measured.
enum Mode: String, CaseIterable, Codable, ExpressibleByArgument, Sendable {
    /// What the load generator can do: lists against a thread that answers each line with a fixed reply.
    case calibrate
    /// Lists, eight clients: 8 connections with 4 requests under way each, pgbench with 8 clients.
    case list
    /// Accepts, likewise, and with one request under way on each connection; every order once, and what was acknowledged
    /// is looked for in the database.
    case accept
    /// Lists, eight clients and at half of offersd's maximal load, alone and beside a steady stream of accepts; so it is
    /// with pgbench.
    case mixed
    /// Lists with 1, 8, 100 and 1000 connections, one request under way on each; so it is with pgbench.
    case connections
    /// One request at a time, and lists at half of offersd's maximal load.
    case latency
    /// Resident memory after the start, and at most while 1000 connections list.
    case memory
    /// From the start of the process until it listens.
    case ready
    /// Instructions of a list and of an accept, counted by valgrind. Not among those that run by default.
    case instructions

    /// What is measured when nothing is named.
    static let usual = allCases.filter { $0 != .instructions }
}

extension Mode {
    /// Whether pgbench has as many requests under way as offersd.
    var isSameLoad: Bool { self == .connections || self == .latency }
}

/// Who does the work.
enum Subject: Sendable {
    case pgbench
    case offersd(OffersdBuild)

    var name: String {
        switch self {
        case .pgbench: "pgbench"
        case .offersd(let build): build.name
        }
    }

    var build: OffersdBuild? {
        switch self {
        case .pgbench: nil
        case .offersd(let build): build
        }
    }
}
