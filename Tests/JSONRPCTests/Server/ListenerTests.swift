import Glibc
import Testing

@testable import JSONRPC

/// Which files a listener takes, replaces and leaves alone.
@Suite struct ListenerTests {
    @Test func `the file has the mode that was asked for and is removed at the end`() async throws {
        try await withFolder { folder in
            let listener = try Listener.bind(path: "\(folder)/s", name: "toys", mode: 0o620)
            var status = stat()
            #expect(stat("\(folder)/s", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o620)
            listener.close()
            #expect(access("\(folder)/s", F_OK) != 0)
        }
    }

    @Test func `a dead socket is replaced, a living one is not`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/s"
            try BoundSocket(path: path).close()
            let listener = try Listener.bind(path: path, name: "toys")
            expectFailure("already served") { try Listener.bind(path: path, name: "toys") }
            _ = try RawClient(connectingTo: path)
            listener.close()
        }
    }

    @Test func `a listener leaves the file of its successor alone`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/s"
            let old = try Listener.bind(path: path, name: "toys")
            unlink(path)
            let new = try Listener.bind(path: path, name: "toys")
            old.close()
            _ = try RawClient(connectingTo: path)
            new.close()
        }
    }

    @Test func `a file that is no socket is refused and untouched`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/s"
            close(open(path, O_CREAT | O_WRONLY, 0o600))
            expectFailure("not a socket") { try Listener.bind(path: path, name: "toys") }
            #expect(access(path, F_OK) == 0)
        }
    }

    @Test func `the longest possible path works and one byte more is refused with the limit`() async throws {
        try await withFolder { folder in
            let room = Listener.maximumPathBytes - folder.utf8.count - 1
            let longest = folder + "/" + String(repeating: "s", count: room)
            let listener = try Listener.bind(path: longest, name: "toys")
            _ = try RawClient(connectingTo: longest)
            listener.close()
            expectFailure("at most 107") { try Listener.bind(path: longest + "s", name: "toys") }
        }
    }

    @Test func `a folder that is locked for long is named, with what to do`() async throws {
        try await withFolder { folder in
            let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            #expect(flock(descriptor, LOCK_EX) == 0)
            expectFailure("\(folder), for more than 3 s: find it with lslocks") {
                try Listener.bind(path: "\(folder)/s", name: "toys")
            }
            close(descriptor)
            try Listener.bind(path: "\(folder)/s", name: "toys").close()
        }
    }

    @Test func `it is noticed that the file is gone, replaced, without its rights, or as it was again`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/s"
            let listener = try Listener.bind(path: path, name: "toys")
            #expect(listener.fileCondition() == .present && !listener.isAdopted)
            let adopted = try Listener(adopting: listener.descriptor, name: "adopted")
            #expect(adopted.isAdopted)
            for listener in [listener, adopted] {
                #expect(rename(path, "\(folder)/t") == 0)
                #expect(listener.fileCondition() == .gone)
                close(open(path, O_CREAT | O_WRONLY, 0o600))
                #expect(listener.fileCondition() == .replaced)
                #expect(rename("\(folder)/t", path) == 0)
                #expect(listener.fileCondition() == .present)
                for mode: mode_t in [0o600, 0o060] {
                    chmod(path, mode)
                    #expect(listener.fileCondition() == .unwritable)
                }
                for mode: mode_t in [0o666, 0o660] {
                    chmod(path, mode)
                    #expect(listener.fileCondition() == .present)
                }
            }
            unlink(path)
            #expect(try Listener(adopting: listener.descriptor, name: "late").fileCondition() == .gone)
            adopted.close()
            listener.close()
        }
    }

    @Test func `a missing folder is named`() async throws {
        try await withFolder { folder in
            expectFailure("\(folder)/none: No such file") {
                try Listener.bind(path: "\(folder)/none/s", name: "toys")
            }
        }
    }

    @Test func `of many that start at once exactly one gets the socket`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/s"
            for _ in 1...20 {
                try BoundSocket(path: path).close()
                let winners = await withTaskGroup(of: Listener?.self) { group in
                    for _ in 1...8 { group.addTask { try? Listener.bind(path: path, name: "toys") } }
                    return await group.reduce(into: [Listener]()) { if let listener = $1 { $0.append(listener) } }
                }
                #expect(winners.count == 1)
                for listener in winners { listener.close() }
            }
        }
    }

    @Test func `only a listening Unix stream socket is adopted`() async throws {
        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        expectFailure("not a listening Unix stream socket") { try Listener(adopting: pair[0], name: "toys") }
        expectFailure("not a listening Unix stream socket") { try Listener(adopting: -1, name: "toys") }
    }

    private func expectFailure(_ part: String, _ body: () throws -> Listener) {
        let failure = #expect(throws: Listener.Failure.self) { try body() }
        #expect(failure?.description.contains(part) == true, "\(String(describing: failure))")
    }
}

/// A listening socket as another process would have it.
struct BoundSocket {
    let descriptor: Int32

    init(path: String) throws {
        let listener = try Listener.bind(path: path, name: "other")
        // Keeps the socket when the listener is closed, and puts its file back.
        descriptor = dup(listener.descriptor)
        #expect(link(path, path + "-") == 0)
        listener.close()
        #expect(rename(path + "-", path) == 0)
    }

    func close() { _ = Glibc.close(descriptor) }
}
