import ArgumentParser
import Glibc
import StandardOutput

@main
enum Main {
    /// Parses and runs. Wrong usage ends with 2, the code of this program's contract, and not with ArgumentParser's 64.
    static func main() async {
        StandardOutput.openMissingDescriptors()
        do {
            try await Offersctl.parse().run()
        } catch {
            guard Offersctl.exitCode(for: error) == .validationFailure else {
                Offersctl.end(with: error, unwritten: Outcome.unwritten)
            }
            StandardError.print(Offersctl.fullMessage(for: error))
            exit(2)
        }
    }
}

/// Standard error, unbuffered.
enum StandardError {
    static func print(_ line: String) {
        _ = "\(line)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
