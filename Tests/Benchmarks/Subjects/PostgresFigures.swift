import FoundationEssentials

/// What the kernel knows of the processes of a Postgres; proc(5).
struct PostgresFigures: Sendable {
    /// The cluster's folder.
    let folder: String

    /// CPU time of the sessions and helpers that live, so far.
    func cpuNanoseconds() throws -> Double {
        let file = try String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)
        let postmaster = String(file.prefix { $0 != "\n" })
        return try FileManager.default.contentsOfDirectory(atPath: "/proc").reduce(0) { sum, process in
            // The parent is the second value after the name, which may have spaces and brackets.
            guard Int(process) != nil,
                let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                status.split(separator: ")").last?.split(separator: " ").dropFirst().first.map(String.init)
                    == postmaster,
                let statistics = try? String(contentsOfFile: "/proc/\(process)/schedstat", encoding: .utf8)
            else { return sum }
            return sum + (statistics.split(separator: " ").first.flatMap { Double($0) } ?? 0)
        }
    }
}
