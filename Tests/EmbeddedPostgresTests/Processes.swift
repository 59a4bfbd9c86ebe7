import FoundationEssentials

/// What /proc says about processes (proc(5)).
enum Processes {
    /// The state letter of a process, or nil if there is none with this id.
    static func state(_ process: Int) -> Character? {
        guard let line = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = line.lastIndex(of: ")")
        else { return nil }
        return line[end...].dropFirst(2).first
    }

    /// Whether the process has ended. One that is not reaped yet counts as ended: the first process of a bare
    /// container may never do it.
    static func hasEnded(_ process: Int) -> Bool {
        switch state(process) {
        case nil, "Z", "X": true
        default: false
        }
    }

    /// The postmaster of the cluster in `folder` and its children.
    static func ofCluster(in folder: String) throws -> [Int] {
        let lockFile = try String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)
        let postmaster = Int(lockFile.prefix { $0 != "\n" }) ?? 0
        let children = try String(contentsOfFile: "/proc/\(postmaster)/task/\(postmaster)/children", encoding: .utf8)
        return [postmaster] + children.split(separator: " ").compactMap { Int($0) }
    }
}
