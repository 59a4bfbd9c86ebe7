import Dispatch
import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing
import Turns

@testable import EmbeddedPostgres

/// The supervisor without our process around it: a shell holds the pipe in our place and is killed.
@Suite(.inTurn)
struct SupervisorTests {
    enum End: CaseIterable {
        case holderKilled, holderKilledWhilePaused, supervisorTerminated
    }

    /// Starts the supervisor with its input from a pipe that this shell holds, sends commands, and waits.
    private static let holder = #"""
        pipe=$(mktemp -u) && mkfifo "$pipe" || exit 1
        /bin/sh "$@" <"$pipe" &
        exec 3>"$pipe"
        rm "$pipe"
        printf '1 initialize\n2 start\n3 true\n' >&3
        echo "supervisor $!"
        wait
        """#

    @Test("Nothing is left over when the holder is killed or the supervisor is terminated", arguments: End.allCases)
    func nothingIsLeft(end: End) async throws {
        let installation = try EmbeddedPostgres.Installation.find()
        var configuration = try EmbeddedPostgres.Supervisor.configuration(
            installation: installation, options: EmbeddedPostgres.Options())
        configuration.arguments = Arguments(
            try EmbeddedPostgres.Supervisor.shell.arguments + ["-c", Self.holder, "holder"]
                + EmbeddedPostgres.Supervisor.arguments(
                    installation: installation, options: EmbeddedPostgres.Options()))
        // A pipe of our own: it ends when the last process that writes to it has ended, which is the supervisor.
        let output = try FileDescriptor.pipe()
        defer { try? output.readEnd.close() }
        var reader = LineReader(descriptor: output.readEnd)
        var folder = ""
        var processes: [Int] = []
        _ = try await Subprocess.run(
            configuration, input: .none, output: .fileDescriptor(output.writeEnd, closeAfterSpawningProcess: true),
            error: .discarded
        ) { holder in
            var supervisor: Int32 = 0
            while let line = try await reader.next(), line != "3 1" {
                if line.hasPrefix("folder ") { folder = String(line.dropFirst(7)) }
                if line.hasPrefix("supervisor ") { supervisor = Int32(line.dropFirst(11)) ?? 0 }
            }
            processes = try Processes.ofCluster(in: folder)
            #expect(!Processes.hasEnded(processes[0]))
            if end == .holderKilledWhilePaused {
                for process in processes { #expect(kill(pid_t(process), SIGSTOP) == 0) }
            }
            if end == .supervisorTerminated {
                #expect(kill(supervisor, SIGTERM) == 0)
            } else {
                try holder.send(signal: .kill)
            }
        }
        while try await reader.next() != nil {}
        #expect(processes.count > 1)
        #expect(processes.allSatisfy(Processes.hasEnded))
        #expect(!folder.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}

/// Lines of a descriptor. Reading blocks, so it happens on a thread of Dispatch: the few threads of Swift's tasks are
/// needed by the processes that are read from.
private struct LineReader {
    let descriptor: FileDescriptor
    private var pending: [UInt8] = []

    init(descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    mutating func next() async throws -> String? {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending.removeSubrange(...end) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let chunk = try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async { [descriptor] in
                    continuation.resume(with: Result { try Self.read(descriptor) })
                }
            }
            guard !chunk.isEmpty else { return nil }
            pending += chunk
        }
    }

    private static func read(_ descriptor: FileDescriptor) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
