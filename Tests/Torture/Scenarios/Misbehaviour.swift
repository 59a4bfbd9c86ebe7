import Foundation
import NIOCore
import NIOPosix

/// Clients as one does not want them.
enum Misbehaviour: String, Sendable, CaseIterable {
    /// A thousand connections that say nothing.
    case idle
    /// 100,000 requests on one connection, and no reply is ever read.
    case neverReads
    /// Twenty connections that send a byte per second.
    case drips
    /// Connections are opened and closed as fast as it goes.
    case storms

    /// Goes on until the task is cancelled. `began` is called when the misbehaviour is in full swing.
    /// It has an event loop of its own, so as not to stand in the way of those who are measured.
    func run(against socket: String, request: String, began: @Sendable () -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Void, any Error>
        do {
            result = .success(try await run(against: socket, on: loop, request: request, began: began))
        } catch {
            result = .failure(error)
        }
        try await loop.shutdownGracefully()
        try result.get()
    }

    private func run(
        against socket: String, on loop: MultiThreadedEventLoopGroup, request: String, began: @Sendable () -> Void
    ) async throws {
        var channels: [any Channel] = []
        switch self {
        case .idle:
            while channels.count < 1000, !Task.isCancelled {
                // The kernel's queue may be full: then again.
                if let channel = try? await Self.connect(socket, on: loop) { channels.append(channel) }
            }
            began()
            await Self.untilCancelled()
        case .neverReads:
            let channel = try await Self.connect(socket, on: loop)
            channels.append(channel)
            let chunk = ByteBuffer(string: String(repeating: request + "\n", count: 1000))
            for _ in 0..<100 { channel.writeAndFlush(chunk, promise: nil) }
            began()
            await Self.untilCancelled()
        case .drips:
            while channels.count < 20, !Task.isCancelled {
                if let channel = try? await Self.connect(socket, on: loop) { channels.append(channel) }
            }
            began()
            for byte in (request + "\n").utf8 {
                for channel in channels { channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil) }
                guard (try? await Task.sleep(for: .seconds(1))) != nil else { break }
            }
        case .storms:
            began()
            while !Task.isCancelled {
                // Refused when the queue is full: then the next one.
                if let channel = try? await Self.connect(socket, on: loop) {
                    channel.close(promise: nil)
                } else {
                    await Task.yield()
                }
            }
        }
        for channel in channels { channel.close(promise: nil) }
    }

    /// A connection of which nothing is read. While the queue of the socket is full it is tried again, as a blocking
    /// connect(2) would wait.
    static func connect(_ socket: String, on loop: MultiThreadedEventLoopGroup) async throws -> any Channel {
        while true {
            do {
                return try await ClientBootstrap(group: loop)
                    .channelOption(.autoRead, value: false)
                    .connect(unixDomainSocketPath: socket).get()
            } catch let error as IOError where error.errnoCode == EAGAIN {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private static func untilCancelled() async {
        for await _ in AsyncStream<Never>.makeStream().stream {}
    }
}
