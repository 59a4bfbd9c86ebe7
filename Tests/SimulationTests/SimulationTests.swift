import Glibc
import Testing
import Turns

/// Pool, connections and the order of each client, driven by seeds.
///
/// A failure names its seed. `OFFERSD_SIMULATION_SEED=17 swift test --filter SimulationTests` runs that one alone, and
/// `OFFERSD_SIMULATION_SEEDS=1000000` as many as it says, from 0 on.
///
/// It computes for many seconds, so it goes aside after each seed and takes one thread at a time: other tests have
/// servers to run on the same two.
@Suite(.serialized, .inOneTurn) struct SimulationTests {
    private static let steps = 100

    private static func variable(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    private static let seeds: Range<UInt64> =
        if let seed = variable("OFFERSD_SIMULATION_SEED") {
            seed..<seed + 1
        } else {
            0..<(variable("OFFERSD_SIMULATION_SEEDS") ?? 10_000)
        }

    /// Each part has every eighth seed.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `every request is answered once and in order, keys exclude, no request starves, nothing is left`(part: UInt64)
        async
    {
        for seed in Self.seeds where seed % 8 == part {
            await Task.yield()
            var simulation = Simulation(seed: seed)
            if let problem = simulation.run(steps: Self.steps) {
                Issue.record("OFFERSD_SIMULATION_SEED=\(seed): \(problem)")
                return
            }
        }
    }
}
