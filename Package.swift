// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 mode and the upcoming features that make imports, existentials and
// isolation explicit. `WARNINGS_AS_ERRORS` is set by .ci/run.
var settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
if Context.environment["WARNINGS_AS_ERRORS"] != nil {
    settings.append(.treatAllWarnings(as: .error))
}

// The libraries, which touch C or raw bytes: each place that the compiler cannot prove safe says so.
let strict = settings + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "offersd",
    products: [
        .executable(name: "offersd", targets: ["offersd"]),
        .executable(name: "offers-demo", targets: ["offers-demo"]),
        .executable(name: "offers-bot", targets: ["offers-bot"]),
        .executable(name: "offersctl", targets: ["offersctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // libpq, as a module.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),

        // When a request must be given up.
        .target(name: "Deadlines", swiftSettings: strict),
        .testTarget(name: "DeadlinesTests", dependencies: ["Deadlines"], swiftSettings: settings),

        // Safe libpq: connections on their threads, pipelines, the pool. Knows SQL, not offers.
        .target(name: "Postgres", dependencies: ["CLibPQ", "Deadlines", collections, logging], swiftSettings: strict),
        .testTarget(
            name: "PostgresTests",
            dependencies: ["Deadlines", "Postgres", "SeededRandom", "TestDatabase", "Turns", logging],
            swiftSettings: settings),

        // JSON-RPC 2.0 over lines. Knows no method by name.
        .target(
            name: "JSONRPC", dependencies: ["Deadlines", collections, lifecycle, logging, nioCore, nioPosix],
            swiftSettings: strict),
        .testTarget(
            name: "JSONRPCTests",
            dependencies: ["Deadlines", "JSONRPC", "Fuzzing", "SeededRandom", "Turns", logging, nioCore, nioEmbedded],
            swiftSettings: settings),

        // The contract in Swift, and the typed client. Knows no SQL.
        .target(name: "Offers", dependencies: ["JSONRPC", nioCore], swiftSettings: strict),
        .testTarget(name: "OffersTests", dependencies: ["Offers", "JSONRPC", nioCore], swiftSettings: settings),

        // The methods: SQL, handlers, access, lifecycle.
        .target(
            name: "OffersServer",
            dependencies: [
                "Offers", "Deadlines", "JSONRPC", "Postgres", collections, histogram, lifecycle, logging, nioCore,
                nioPosix,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OffersServerTests",
            dependencies: [
                "OffersServer", "Offers", "Deadlines", "JSONRPC", "Postgres", "TestDatabase", "EmbeddedPostgres",
                "Turns", lifecycle,
                logging, nioCore, nioPosix, subprocess, system,
            ],
            swiftSettings: settings),

        // Mutated inputs for the wire and what must hold for them; a program for long runs.
        .target(
            name: "Fuzzing", dependencies: ["JSONRPC", "SeededRandom", nioCore], path: "Tests/Fuzzing",
            exclude: ["corpus"],
            swiftSettings: settings),
        .executableTarget(
            name: "fuzz", dependencies: ["Fuzzing", argumentParser], path: "Tests/Fuzz", swiftSettings: settings),

        // Pool, connections and order together, without input and output, driven by seeds.
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Deadlines", "JSONRPC", "Postgres", "SeededRandom", "Turns", nioCore],
            swiftSettings: settings),

        // How many tests run at once, and which run alone.
        .target(name: "Turns", path: "Tests/Turns", swiftSettings: settings),

        // Random numbers that can be repeated, for all tests that draw some.
        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: settings),

        // A private cluster in a temporary folder, for the demo, tests and benchmarks only.
        .target(name: "EmbeddedPostgres", dependencies: [subprocess, system], swiftSettings: settings),
        .testTarget(
            name: "EmbeddedPostgresTests", dependencies: ["EmbeddedPostgres", "Turns", subprocess, system],
            swiftSettings: settings),

        // One cluster per test run, one database per suite, the generations of the schema.
        .target(
            name: "TestDatabase",
            dependencies: ["EmbeddedPostgres", "OffersServer", "Postgres", logging, nioCore, nioPosix],
            path: "Tests/TestDatabase", swiftSettings: settings),
        .testTarget(
            name: "TestDatabaseTests", dependencies: ["TestDatabase", "CLibPQ", "Turns"], swiftSettings: settings),

        // Races, faults, overload and shutdown against real processes, with a checker: a command for long runs, and
        // short runs of the same as tests.
        .executableTarget(
            name: "torture",
            dependencies: [
                "Offers", "Deadlines", "JSONRPC", "Postgres", "TestDatabase", "EmbeddedPostgres", "CLibPQ",
                argumentParser, nioCore,
                nioPosix, subprocess, system,
            ],
            path: "Tests/Torture", exclude: ["README.md"], swiftSettings: settings),
        .testTarget(
            name: "TortureTests",
            dependencies: [
                "torture", "Offers", "Deadlines", "JSONRPC", "Postgres", "TestDatabase", "EmbeddedPostgres", "Turns",
                nioCore,
                nioPosix, subprocess,
            ],
            swiftSettings: settings),

        // What the programs print, and how they end.
        .target(name: "StandardOutput", dependencies: [argumentParser], swiftSettings: settings),

        // The programs.
        .executableTarget(
            name: "offersd",
            dependencies: [
                "OffersServer", "Deadlines", "JSONRPC", "Postgres", "StandardOutput", argumentParser, lifecycle,
                logging,
                signals,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "offers-bot",
            dependencies: [
                "Offers", "JSONRPC", "StandardOutput", argumentParser, asyncHTTPClient, lifecycle, logging, nioCore,
                nioHTTP1, nioPosix,
                signals,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "OffersBotTests",
            dependencies: [
                "offers-bot", "Offers", "JSONRPC", "TestDatabase", "EmbeddedPostgres", "Turns", hummingbird, logging,
                nioCore, nioPosix, subprocess, system,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "offersctl", dependencies: ["Offers", "JSONRPC", "StandardOutput", argumentParser, nioCore, signals],
            swiftSettings: settings),
        .testTarget(
            name: "OffersctlTests", dependencies: ["offersctl", "Offers", "JSONRPC", nioCore], swiftSettings: settings),
        .executableTarget(
            name: "offers-demo",
            dependencies: [
                "OffersServer", "Offers", "JSONRPC", "EmbeddedPostgres", "StandardOutput", argumentParser, lifecycle,
                logging, nioCore, signals,
            ],
            swiftSettings: settings),

        // The benchmark: offersd beside pgbench, on a private Postgres.
        .systemLibrary(name: "CEpoll", path: "Tests/CEpoll"),
        .executableTarget(
            name: "offersd-benchmark",
            dependencies: [
                "CEpoll", "EmbeddedPostgres", "OffersServer", "SeededRandom", argumentParser, collections, histogram,
                nioPosix,
                signals, subprocess, system,
            ],
            path: "Tests/Benchmarks", exclude: ["README.md", "connections.svg", "instructions"], swiftSettings: settings
        ),
        .testTarget(name: "BenchmarksTests", dependencies: ["offersd-benchmark", histogram], swiftSettings: settings),
    ]
)
