import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// Counts what the processor does for a request, by valgrind's callgrind: unlike times it is nearly the same in every
/// run, on every machine, so that a test can hold it (three runs differed by 0.2 %).
struct InstructionCounter: Sendable {
    let build: OffersdBuild
    let folder: String
    let database: String

    /// Instructions of one request, all threads of the process, the kernel's not counted: the difference between a run
    /// with all `requests` and one with `few` of them, divided by the number of requests between them.
    ///
    /// All are sent one at a time, the few spread over the same time as all: what the service does on its own, by the
    /// clock, is in both, and weighs the same on a slow machine.
    ///
    /// - Throws: ``LoadFailure`` when valgrind is missing or something fails under it.
    func perRequest(_ requests: RequestLines, few: Int, setBack: () async throws -> Void) async throws -> Double {
        let all = try await total(requests, .inFlight(1))
        try await setBack()
        let some = try await total(requests.prefix(few), .perSecond(Double(few) / all.seconds))
        try await setBack()
        return (all.instructions - some.instructions) / Double(requests.count - few)
    }

    /// The instructions of a process that serves these requests and ends, and how long it served them.
    private func total(
        _ requests: RequestLines, _ pace: LoadPlan.Pace
    ) async throws -> (instructions: Double, seconds: Double) {
        // Without what valgrind would read at length, and may not understand.
        let program = "\(folder)/offersd-stripped"
        let strip = try await Subprocess.run(
            .name("strip"), arguments: ["-o", program, build.binary], output: .discarded, error: .string(limit: 4096))
        guard strip.terminationStatus.isSuccess else { throw LoadFailure(description: strip.standardError) }
        defer { unlink(program) }
        guard access("/usr/bin/valgrind", X_OK) == 0 else {
            throw LoadFailure(description: "there is no /usr/bin/valgrind: apt-get install valgrind")
        }
        let log = "\(folder)/callgrind.log"
        defer { unlink(log) }
        let valgrind = OffersdBuild(
            name: build.name, binary: "/usr/bin/valgrind", arguments: build.arguments,
            before: ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-file=\(log)", program])
        let seconds = try await Offersd.run(valgrind, folder: folder, database: database) { offersd in
            let result = try await LoadGenerator.run(
                LoadPlan(socket: offersd.socket, connections: 1, pace: pace, seconds: 120, requests: requests))
            guard result.answered == requests.count else { throw LoadFailure(description: "too slow under valgrind") }
            return result.seconds
        }
        let text = try String(contentsOfFile: log, encoding: .utf8)
        guard let count = Self.collected(in: text) else {
            throw LoadFailure(description: "callgrind has no count:\n\(text)")
        }
        return (count, seconds)
    }

    /// The number in callgrind's last lines.
    static func collected(in log: String) -> Double? {
        let line = log.split(separator: "\n").last { $0.contains("Collected : ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }
}

/// What a request may cost, as it stands in a file: lines of a name and a number.
struct InstructionLimits {
    let limits: [String: Double]

    /// How much more than its number a request may cost.
    static let tolerance = 0.03

    init(_ text: String) {
        limits = Dictionary(
            text.split(separator: "\n").compactMap { line -> (String, Double)? in
                let words = line.split(separator: " ")
                guard words.count == 2, let number = Double(words[1]) else { return nil }
                return (String(words[0]), number)
            }, uniquingKeysWith: { $1 })
    }

    /// What is wrong with these counts: beyond the limit, without one, or so far below that the limit holds nothing.
    func complaints(about counts: [String: Double]) -> [String] {
        counts.sorted { $0.key < $1.key }.compactMap { name, count in
            let number = Decimals.text(count, digits: 0)
            guard let limit = limits[name] else { return "there is no limit for '\(name)' (\(number) instructions)" }
            let share = count / limit - 1
            guard abs(share) > Self.tolerance else { return nil }
            let percent = Decimals.text(abs(share) * 100, digits: 1)
            return
                "\(name): \(number) instructions, \(percent) % \(share > 0 ? "more" : "less") than \(Decimals.text(limit, digits: 0))"
        }
    }
}
