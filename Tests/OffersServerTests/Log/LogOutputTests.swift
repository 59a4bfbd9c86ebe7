import Dispatch
import Glibc
import Logging
import Testing

@testable import OffersServer

/// The log's way out, on descriptors of every kind.
@Suite(.timeLimit(.minutes(10)))
struct LogOutputTests {
    /// A descriptor that the log can be written to, and how to read it.
    enum Kind: CaseIterable {
        case pipe, nonBlockingPipe, socket, nonBlockingSocket

        func make() -> (reader: Int32, writer: Int32) {
            var ends: [Int32] = [-1, -1]
            switch self {
            case .pipe, .nonBlockingPipe: #expect(Glibc.pipe(&ends) == 0)
            case .socket, .nonBlockingSocket: #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            }
            if self == .nonBlockingPipe || self == .nonBlockingSocket {
                #expect(fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) | O_NONBLOCK) == 0)
            }
            return (ends[0], ends[1])
        }
    }

    /// Everything up to the end of file.
    private func readToEnd(_ descriptor: Int32) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    @Test(
        "Nothing is lost or changed while the reader reads, a long line either, and the flags stay",
        arguments: Kind.allCases)
    func complete(kind: Kind) async throws {
        let (reader, writer) = kind.make()
        let flags = fcntl(writer, F_GETFL)
        let output = try LogOutput(descriptor: writer, form: .plain)
        let lines = (1...5000).map { "line \($0)\($0 == 2500 ? String(repeating: " and more", count: 50_000) : "")\n" }
        // More than a pipe holds, before anything is read.
        for line in lines { output.write(line) }
        async let text = readToEnd(reader)
        await output.flush(within: .milliseconds(60_000))
        #expect(output.dropped == 0)
        #expect(fcntl(writer, F_GETFL) == flags)
        output.end()
        close(writer)
        #expect(await text == lines.joined())
        close(reader)
    }

    @Test(
        "Without a reader nothing waits, what is dropped is counted, and told when it is back", arguments: Kind.allCases
    )
    func unread(kind: Kind) async throws {
        let (reader, writer) = kind.make()
        let output = try LogOutput(descriptor: writer, form: .journal)
        let logger = Logger(label: "test") { output.handler(label: $0, level: .info) }
        let text = String(repeating: "x", count: 1000)
        for _ in 1...20_000 { logger.info("\(text)") }
        let dropped = output.dropped
        #expect(dropped > 0)
        await output.flush(within: .milliseconds(1))
        async let read = readToEnd(reader)
        await output.flush(within: .milliseconds(60_000))
        logger.info("the last one")
        await output.flush(within: .milliseconds(60_000))
        output.end()
        close(writer)
        let lines = await read.split(separator: "\n")
        #expect(lines.last == "<6>the last one")
        #expect(
            lines.dropLast().last
                == "<4>\(dropped) log lines were dropped, because the log's reader did not take them")
        #expect(lines.dropLast(2).count == 20_000 - dropped)
        #expect(lines.dropLast(2).allSatisfy { $0 == "<6>\(text)" })
        close(reader)
    }

    @Test("A reader that has gone away ends nothing and keeps no flush; one that comes back reads on")
    func goneReader() async throws {
        signal(SIGPIPE, SIG_IGN)
        var template = Array("/tmp/offersd-log.XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) + "/log"
        defer {
            unlink(path)
            rmdir(String(path.dropLast(4)))
        }
        #expect(mkfifo(path, 0o600) == 0)
        let first = open(path, O_RDONLY | O_NONBLOCK)
        let writer = open(path, O_WRONLY)
        let output = try LogOutput(descriptor: writer, form: .plain)
        close(first)
        output.write("one\n")
        // It would be a minute if the end of the reader were not noticed.
        await output.flush(within: .milliseconds(60_000))
        output.write("two\n")
        let second = open(path, O_RDONLY | O_NONBLOCK)
        _ = fcntl(second, F_SETFL, 0)
        var bytes = [UInt8](repeating: 0, count: 8)
        var count = 0
        while count < 8 {
            let more = bytes.withUnsafeMutableBytes { read(second, $0.baseAddress.map { $0 + count }, 8 - count) }
            try #require(more > 0)
            count += more
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "one\ntwo\n")
        output.end()
        close(writer)
        close(second)
    }

    @Test("A line has no line feed but its own, whatever is in it")
    func oneLine() {
        for form in [LogForm.plain, .journal] {
            let line = form.line(
                .warning, "a\nb", [("c", "d\ne"), ("f", "")], label: "offersd", source: "Test\n", time: "t")
            #expect(line.count { $0 == "\n" } == 1 && line.hasSuffix("\n"), "\(line)")
        }
        let line = LogForm.journal.line(
            .error, "m", [("a", "x y"), ("b", #"""#)], label: "offersd", source: "T", time: "t")
        #expect(line == #"<3>m a="x y" b="\"""# + "\n")
        let plain = LogForm.plain.line(
            .info, "message", [("a", "1"), ("b", "2")], label: "offersd", source: "Source",
            time: LogForm.time(at: 0))
        #expect(
            plain.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} info offersd: a=1 b=2 \[Source\] message\n/#)
                != nil, "\(plain)")
    }
}
