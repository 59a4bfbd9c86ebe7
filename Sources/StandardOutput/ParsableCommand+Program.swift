package import ArgumentParser
import Glibc

extension AsyncParsableCommand {
    /// Runs the program, as `main()` does, and ends it. The exit status is 0 only if what it prints was written, the
    /// help and the version too.
    package static func runProgram() async -> Never {
        StandardOutput.openMissingDescriptors()
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
        exit()
    }

    /// Ends the program with an error, as `exit(withError:)` does.
    ///
    /// - Parameter unwritten: The exit status where a help that was asked for cannot be written.
    package static func end(with error: any Error, unwritten: ExitCode = .failure) -> Never {
        guard exitCode(for: error).isSuccess else { exit(withError: error) }
        let text = fullMessage(for: error)
        do {
            if !text.isEmpty { try StandardOutput.write(text + "\n") }
        } catch {
            var message = "Error: \(error)\n"
            message.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            exit(withError: unwritten)
        }
        exit()
    }
}
