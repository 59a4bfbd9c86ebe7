import FoundationEssentials

/// What the kernel knows of a process; proc(5).
struct ProcessFigures: Sendable {
    let processID: Int32

    /// CPU time and context switches of all its threads, so far. A thread that ended is not in it.
    struct Usage: Sendable {
        var cpuNanoseconds = 0.0
        var contextSwitches = 0.0

        /// The difference, for one of `requests` requests.
        func perRequest(since earlier: Usage, requests: Int) -> [Quantity: Double] {
            [
                .cpu: (cpuNanoseconds - earlier.cpuNanoseconds) / 1000 / Double(max(1, requests)),
                .switches: (contextSwitches - earlier.contextSwitches) / Double(max(1, requests)),
            ]
        }
    }

    /// Reads it, to the nanosecond (`schedstat`).
    func usage() throws -> Usage {
        var usage = Usage()
        let tasks = "/proc/\(processID)/task"
        for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
            guard let statistics = try? String(contentsOfFile: "\(tasks)/\(task)/schedstat", encoding: .utf8),
                let status = try? String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)
            else { continue }
            usage.cpuNanoseconds += statistics.split(separator: " ").first.flatMap { Double($0) } ?? 0
            usage.contextSwitches += Self.value(of: "voluntary_ctxt_switches", in: status) ?? 0
            usage.contextSwitches += Self.value(of: "nonvoluntary_ctxt_switches", in: status) ?? 0
        }
        return usage
    }

    /// Resident megabytes (of 1,000,000 bytes): now, and at most so far.
    func residentMegabytes() throws -> (now: Double, peak: Double) {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let values = ["VmRSS", "VmHWM"].map { (Self.value(of: $0, in: status) ?? 0) * 1024 / 1e6 }
        return (values[0], values[1])
    }

    /// The number in a line `NAME: NUMBER …`.
    static func value(of name: String, in status: String) -> Double? {
        let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.dropFirst(name.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first
            .flatMap { Double($0) }
    }
}
