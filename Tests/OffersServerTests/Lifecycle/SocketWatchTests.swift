import Foundation
import Glibc
import JSONRPC
import TestDatabase
import Testing
import Turns

/// The files of the sockets while the service runs.
@Suite(.inTurn)
struct SocketWatchTests {
    @Test("A socket file that is gone is told by health; each change is said once, and a stop says nothing of it")
    func changes() async throws {
        var log: RecordedLog?
        try await RunningService.run(on: "host=/nonexistent") { (service) async throws in
            log = service.log
            func lines(_ part: String) -> [String] {
                service.log.texts.filter { $0.contains(part) && $0.contains(service.path) }
            }
            let aside = service.path + ".aside"
            #expect(rename(service.path, aside) == 0)
            _ = try await eventually({ lines(" is gone, ") }, until: { !$0.isEmpty })
            #expect(FileManager.default.createFile(atPath: service.path, contents: nil))
            _ = try await eventually({ lines("another file has replaced ") }, until: { !$0.isEmpty })
            #expect(rename(aside, service.path) == 0)
            _ = try await eventually({ lines(" is in order again") }, until: { !$0.isEmpty })
            #expect(try await service.exchange(#"{"jsonrpc":"2.0","id":1,"method":"health"}"#).count == 1)
        }
        try await TestDatabase.withDatabase { database in
            try await RunningService.run(on: database.connectionString) { (service) async throws in
                func health() async throws -> JSONValue? {
                    try await service.exchange(#"{"jsonrpc":"2.0","id":1,"method":"health"}"#, ops: true).first?[
                        "result"]
                }
                _ = try await eventually({ try await health() }, until: { $0?["status"]?.stringValue == "ok" })
                #expect(unlink(service.path) == 0)
                let result = try await eventually(
                    { try await health() }, until: { $0?["status"]?.stringValue != "ok" })
                #expect(result?["status"]?.stringValue == "degraded")
                let notes = (result?["database"]?["notes"]?.elements ?? []).compactMap(\.stringValue)
                #expect(notes.contains { $0.contains("\(service.path) is gone") }, "\(notes)")
            }
        }
        let texts = (log?.texts ?? []).filter { $0.contains("socket file") }
        #expect(texts.count == 3 && texts.allSatisfy { $0.hasSuffix(" socket=offers") }, "\(texts)")
    }
}
