import EmbeddedPostgres
import Foundation
import JSONRPC
import OffersServer
import SystemPackage
import TestDatabase
import Testing
import Turns

/// What the program writes to the log, as an operator reads it in the journal.
@Suite("The log of offersd", .inTurn)
struct LogTests {
    private static let nowhere = "host=/nonexistent user=nobody dbname=none"

    @Test(
        "One line for each write, with who, what, for whom, how it ended and how long it took")
    func writes() async throws {
        try await TestDatabase.withDatabase { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let pair = "masterId=\(scene.master) orderId=\(order)"
            let offersctl = try BuiltProgram.path("offersctl").string
            let ending = try await OffersdProcess.withFolder { folder in
                try await OffersdProcess.run(in: folder, on: database.connectionString, ["--slow-request-ms", "60000"])
                {
                    (process) async throws in
                    _ = try await process.shell(
                        """
                        call() { '\(offersctl)' --socket $S "$@"; }
                        call acceptOffer \(pair); call acceptOffer \(pair); call listOffers masterId=\(scene.master)
                        call declineOffer \(pair); call acceptOffer masterId=x orderId=1; call health
                        """)
                }
            }
            let lines = ending.errors.filter { $0.contains("socket=offers") }
            #expect(lines.count == 4, "\(lines)")
            for (line, method, outcome) in [
                (0, "acceptOffer", "ok"), (1, "acceptOffer", "ok"), (2, "declineOffer", "ALREADY_YOURS"),
                (3, "acceptOffer", "INVALID_PARAMS"),
            ] where lines.count == 4 {
                #expect(lines[line].contains(" \(method)") && lines[line].contains("outcome=\(outcome)"))
                #expect(lines[line].contains("uid=\(getuid()) ") && lines[line].contains(#/ pid=\d+ /#))
                #expect(
                    lines[line].contains(#/ durationMs=\d+\.\d+ /#))
                #expect(line == 3 || lines[line].contains("master=\(scene.master) order=\(order)"))
            }
        }
    }

    @Test("In the journal each line begins with its priority; with debug each request has one that shows its way")
    func journal() async throws {
        try await TestDatabase.withDatabase { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let pair = "masterId=\(scene.master) orderId=\(order)"
            try await OffersdProcess.withFolder { (folder) async throws in
                let run = try await BuiltProgram.shell(
                    """
                    cd "$1"; exec 2>log
                    JOURNAL_STREAM=$(stat -Lc %d:%i log) "$2" serve --socket s --database "$3" \\
                        --log-level debug --slow-request-ms 60000 & P=$!
                    until grep -q '^listening' log; do sleep 0.01; done
                    "$4" --socket s acceptOffer \(pair) >/dev/null
                    "$4" --socket s listOffers masterId=\(scene.master) >/dev/null
                    echo '{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[\(scene.master),20]}' |
                        socat -t10 - UNIX-CONNECT:s >/dev/null
                    kill $P; wait $P; cat log
                    """, folder, try BuiltProgram.path("offersd").string, database.connectionString,
                    try BuiltProgram.path("offersctl").string)
                let debug = run.output.split(separator: "\n").filter { !$0.hasPrefix("listening on ") }
                for line in debug { #expect(line.contains(#/^<[2-7]>[A-Za-z]/#), "\(line)") }
                // A request's way: how often it asked the database, how long it waited and worked.
                let accept = debug.first { $0.hasPrefix("<6>acceptOffer databaseCalls=1 databaseMs=") }
                let way =
                    #/ durationMs=\d+\.\d+ master=\d+ order=\d+ outcome=ok pid=\d+ socket=offers uid=\d+ waitedMs=\d+\.\d+$/#
                #expect(accept?.contains(way) == true, "\(debug)")
                let lists = debug.filter { $0.hasPrefix("<7>listOffers databaseCalls=1 ") }
                #expect(lists.count == 2 && !lists.joined().contains("order="), "\(debug)")
            }
        }
    }

    @Test("A slow request has its line, a read too, and is counted")
    func slow() async throws {
        try await TestDatabase.withDatabase { (database) async throws in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString, { $0.slowRequest = .milliseconds(1) }) {
                service in
                try await service.waitUntilInspected()
                try await HeldLock.hold("LOCK offers IN ACCESS EXCLUSIVE MODE", in: database) { lock in
                    try await service.withClient { (client) async throws in
                        _ = try await lock.answer(of: { try await client.list(scene.master) }) {
                            try await lock.release()
                        }
                    }
                }
                let lines = service.log.texts.filter { $0.hasPrefix("listOffers ") }
                #expect(lines.count == 1 && lines.first?.contains("master=\(scene.master)") == true, "\(lines)")
                #expect(lines.first?.contains("slow=true") == true)
                let slow = try await service.metrics()["methods"]?["listOffers"]?["slow"]?.int64Value
                #expect(slow == 1)
            }
        }
    }

    @Test("Each state of the database is said once, with its reason, and not for each request")
    func states() async throws {
        try await TestDatabase.withServer { (database) async throws in
            let ending = try await OffersdProcess.withFolder { folder in
                let patient = ["--slow-request-ms", "60000"]
                return try await OffersdProcess.run(in: folder, on: database.connectionString, patient) {
                    (process) async throws in
                    let line =
                        #"echo '{"jsonrpc":"2.0","id":1,"method":"METHOD","params":[PARAMS]}' | socat -t10 - UNIX-CONNECT:$S; "#
                    func ask(_ method: String, _ params: String = "") async throws -> String {
                        try await process.shell(
                            line.replacing("METHOD", with: method).replacing("PARAMS", with: params))
                    }
                    _ = try await eventually({ try await ask("health") }, until: { $0.contains("\"ok\"") })
                    try await database.server.stop(.fast)
                    for _ in 1...20 { _ = try await ask("listOffers", "7") }
                    _ = try await eventually({ try await ask("health") }, until: { $0.contains("\"down\"") })
                    // However short it is: once both kinds of work were refused, the log says so.
                    let refusal = "DATABASE_UNAVAILABLE"
                    _ = try await eventually({ try await ask("listOffers", "7") }, until: { $0.contains(refusal) })
                    _ = try await eventually({ try await ask("acceptOffer", "7,1") }, until: { $0.contains(refusal) })
                    try await database.server.start()
                    _ = try await eventually({ try await ask("health") }, until: { $0.contains("\"ok\"") })
                    for _ in 1...20 { _ = try await ask("listOffers", "7") }
                }
            }
            let lost = ending.errors.filter { $0.contains("the database cannot be reached") }
            #expect(lost.count == 1 && lost.first?.contains("reason=") == true, "\(ending.errors)")
            let reached = ending.errors.filter { $0.contains("the database (generation G3) is complete") }
            #expect((1...2).contains(reached.count), "\(ending.errors)")
            #expect(ending.errors.count < 15, "\(ending.errors)")
        }
    }

    @Test("Too few open files are named with how many are needed; missing standard descriptors do no harm")
    func descriptors() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let offersd = try BuiltProgram.path("offersd").string
            let few = try await BuiltProgram.shell(
                "ulimit -n 30; \"$1\" serve --socket $2/s --database host=/nonexistent 2>&1; echo \"status $?\"",
                offersd,
                folder)
            #expect(few.output.contains("open files is 30") && few.output.contains("LimitNOFILE="), "\(few.output)")
            #expect(few.output.hasSuffix("status 1\n"), "\(few.output)")
            let raised = try await BuiltProgram.shell(
                """
                ulimit -Sn 64; "$1" serve --write-connections 40 --socket $2/t --database host=/nonexistent 2>$2/raised & P=$!
                until grep -q '^listening' $2/raised; do kill -0 $P || exit; done; kill $P; wait $P; cat $2/raised
                """, offersd, folder)
            #expect(raised.output.contains("listening on"), "\(raised.output)")
            #expect(!raised.output.contains("open files"), "\(raised.output)")
            // Clients leave what the service needs itself: more of them than there are open files do not shut it out.
            let full = try await BuiltProgram.shell(
                """
                (ulimit -n 160; exec "$1" serve --socket $2/u --database host=/nonexistent) 2>$2/log & P=$!
                \(BuiltProgram.untilListening("$2/u", or: "kill -0 $P || exit"))
                python3 -c "
                import os, socket, time
                clients = [socket.socket(socket.AF_UNIX) for _ in range(250)]
                for client in clients: client.connect('$2/u')
                time.sleep(1)
                print(len(os.listdir('/proc/$P/fd')) < 160 - 20)
                clients[0].sendall(b'{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"method\\":\\"health\\"}\\n')
                print(b'down' in clients[0].recv(65536))
                "
                kill $P; wait $P; grep -c 'fewer connections than the settings' $2/log; grep -c 'cannot accept' $2/log
                """, offersd, folder)
            #expect(full.output == "True\nTrue\n1\n0\n", "\(full.output)")
            let none = try await BuiltProgram.shell(
                """
                "$1" serve --socket $2/s --database host=/nonexistent <&- >&- 2>&- & P=$!
                \(BuiltProgram.untilListening("$2/s", or: "kill -0 $P || exit"))
                for request in 1 2 3; do
                    echo '{"jsonrpc":"2.0","id":1,"method":"health"}' | socat -t10 - UNIX-CONNECT:$2/s | jq -r .result.status
                done
                readlink /proc/$P/fd/0 /proc/$P/fd/1 /proc/$P/fd/2; kill $P; wait $P; echo "status $?"
                """, offersd, folder)
            let null = "/dev/null\n"
            #expect(none.output == "down\ndown\ndown\n\(null)\(null)\(null)status 0\n", "\(none.output)")
        }
    }
}
