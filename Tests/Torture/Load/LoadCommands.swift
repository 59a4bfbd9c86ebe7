import ArgumentParser
@preconcurrency import Glibc

/// `torture crowd`: clients in a process of their own, for `torture overload`.
struct RunCrowd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "crowd", shouldDisplay: false)

    @Option var socket: String
    @Option var master: Int64
    @Option var milliseconds: Int64
    @Flag var reconnects = false

    func run() async throws {
        let crowd = Crowd(socket: socket, master: master, duration: .milliseconds(milliseconds), reconnects: reconnects)
        let measure = try await crowd.run {
            print(Crowd.ready)
            fflush(stdout)
        }
        print(measure.line)
    }
}

/// `torture storm`: a client in a process of its own, for `torture overload`.
struct RunStorm: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "storm", shouldDisplay: false)

    @Option var socket: String
    @Option var master: Int64
    @Option var milliseconds: Int64
    @Flag var reads = false

    func run() {
        print(Storm(socket: socket, master: master, duration: .milliseconds(milliseconds), reads: reads).run())
    }
}
