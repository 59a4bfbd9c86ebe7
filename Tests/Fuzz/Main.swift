import ArgumentParser
import Fuzzing
import Glibc

/// Gives mutated inputs to the oracles until there were enough of them; the first failure ends it.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tries framing, JSON and messages with mutated inputs. The same seed tries the same inputs.")

    @Option(help: "The first seed; each has 10,000 inputs.")
    var seed: UInt64 = 0
    @Option(help: "How many inputs to try.")
    var executions: Int = 10_000_000
    @Option(help: "Stop after as many seconds.")
    var seconds: Int = .max

    func run() throws {
        let corpus = try Corpus.inputs()
        let clock = ContinuousClock()
        let start = clock.now
        var done = 0
        var seed = self.seed
        while done < executions, clock.now - start < .seconds(seconds) {
            var mutator = Mutator(seed: seed, corpus: corpus)
            for _ in 0..<10_000 {
                let (input, chance) = mutator.next()
                if let problem = Oracles.judge(input, chance: chance) {
                    print("seed \(seed): \(problem). Input: \(input)")
                    throw ExitCode.failure
                }
            }
            done += 10_000
            seed += 1
            if done.isMultiple(of: 1_000_000) {
                print("\(done) inputs in \(clock.now - start)")
                fflush(nil)  // so that a run that is cut short has said how far it came
            }
        }
        print("\(done) inputs, seeds \(self.seed) to \(seed - 1), \(clock.now - start): nothing found")
    }
}
