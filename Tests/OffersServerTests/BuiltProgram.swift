import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// The programs of this package, which the build put next to the tests.
enum BuiltProgram {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The path of the program `name`.
    ///
    /// - Throws: ``Missing`` if it was not built.
    static func path(_ name: String) throws -> FilePath {
        // However the tests are run, this process is the executable with the tests in it.
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = FilePath(tests).removingLastComponent().appending(name)
        guard access(program.string, X_OK) == 0 else {
            throw Missing(description: "\(program) is not there; swift build makes it")
        }
        return program
    }

    /// Runs a line of a shell and returns what it printed and how it ended.
    static func shell(_ script: String, _ arguments: String...) async throws -> (
        output: String, status: TerminationStatus
    ) {
        let run = try await Subprocess.run(
            .path("/bin/sh"), arguments: Arguments(["-c", script, "sh"] + arguments),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        return (run.standardOutput, run.terminationStatus)
    }

    /// A shell's line that waits until a program listens at `path`. The file alone is not enough: it is there when the
    /// socket is bound, and until it listens connections are refused. The number is `__SO_ACCEPTCON`, see proc(5).
    static func untilListening(_ path: String, or otherwise: String = ":") -> String {
        "until grep -q \" 00010000 .* \(path)$\" /proc/net/unix; do \(otherwise); done"
    }
}

/// The root of the package.
enum PackageRoot {
    /// The text of a file of the sources, with its path from the root.
    static func text(of file: String) throws -> String {
        try String(contentsOfFile: path(of: file).string, encoding: .utf8)
    }

    /// The path of a file of the sources, from its path from the root.
    static func path(of file: String) -> FilePath {
        root.appending(file)
    }

    /// The texts of all Swift files below a folder.
    static func texts(in folder: String) throws -> [String] {
        let files = try FileManager.default.subpathsOfDirectory(atPath: root.appending(folder).string)
        return try files.filter { $0.hasSuffix(".swift") }.map { try text(of: "\(folder)/\($0)") }
    }

    private static let root = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()
}
