import Foundation
import Glibc
import Subprocess
import SystemPackage

/// Programs that a run needs, and folders for their sockets.
enum Programs {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// A program of this package, which the build put next to this one.
    static func built(_ name: String) throws -> FilePath {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = FilePath(own).removingLastComponent().appending(name)
        guard access(program.string, X_OK) == 0 else {
            throw Missing(description: "\(program) is not there; swift build makes it")
        }
        return program
    }

    /// A program of the system, which may be where only root's PATH leads.
    static func installed(_ name: String) throws -> FilePath {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders: [String] = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return FilePath("\(folder)/\(name)") }
        throw Missing(description: "the program \(name) is not installed; .ci/install names its package")
    }

    /// The beginning of a command line that runs a program which is killed when we end, however we end
    /// (`PR_SET_PDEATHSIG` of prctl(2); the thread that starts it is Subprocess's own and lives as long as we do).
    static func withUs() throws -> [String] { [try installed("setpriv").string, "--pdeathsig=KILL"] }

    /// The same as the owner of a folder: Postgres and its friends refuse root, and a cluster's folder is its owner's
    /// alone.
    static func withUs(asOwnerOf folder: String) throws -> [String] {
        var status = stat()
        guard geteuid() == 0, stat(folder, &status) == 0 else { return try withUs() }
        return try withUs() + ["--reuid=\(status.st_uid)", "--regid=\(status.st_gid)", "--clear-groups"]
    }

    /// Runs a command to its end. Returns what it printed.
    ///
    /// - Throws: ``Missing`` with what it printed if it failed.
    @discardableResult
    static func run(_ command: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        let output = result.standardOutput
        guard result.terminationStatus.isSuccess else {
            throw Missing(description: "\(command.joined(separator: " ")): \(result.terminationStatus): \(output)")
        }
        return output
    }

    /// Lends a folder for sockets, with a short path, that every user may use; it is removed afterwards.
    static func withFolder<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
        let folder = "/tmp/offersd-torture-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
        _ = chmod(folder, 0o777)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }

    /// The resident memory of a process in KiB (`VmRSS` of proc(5)); nil when it is gone.
    static func residentKilobytes(of process: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
        else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
}
