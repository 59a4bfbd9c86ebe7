import EmbeddedPostgres
import Foundation
import Subprocess
import Synchronization
import SystemPackage
import TestDatabase
import Testing
import Turns

/// How the program starts and stops.
@Suite("Start and stop of offersd", .inTurn)
struct LifecycleTests {
    private static let nowhere = "host=/nonexistent user=nobody dbname=none"
    private static let health =
        #"echo '{"jsonrpc":"2.0","id":1,"method":"health"}' | socat -t10 - UNIX-CONNECT:$S"#

    @Test("it starts while the database is down, says so at once, and heals soon after its return", .alone)
    func healsByItself() async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.server.stop(.fast)
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    let list =
                        #"echo '{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[\#(scene.master)]}' | socat -t10 - UNIX-CONNECT:$S"#
                    #expect(try await process.shell(list).contains("DATABASE_UNAVAILABLE"))
                    #expect(try await process.shell(Self.health).contains(#""status":"down""#))
                    try await database.server.start()
                    let clock = ContinuousClock()
                    let returned = clock.now
                    var reply = try await process.shell(list)
                    while reply.contains("DATABASE_UNAVAILABLE") { reply = try await process.shell(list) }
                    #expect(reply.contains(#""orderId":\#(order)"#), "\(reply)")
                    // A second is promised, which torture holds it to; a shell and a socat take their time here.
                    #expect(returned.duration(to: clock.now) < .seconds(5))
                }
            }
        }
    }

    @Test("a socket that is served is not taken, one of a killed process is")
    func socketOfAnother() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let first = try await OffersdProcess.run(in: folder, on: Self.nowhere) { (process) async throws in
                let offersd = try BuiltProgram.path("offersd").string
                let second = try await BuiltProgram.shell("\"$1\" serve --socket $2; echo $?", offersd, process.socket)
                #expect(second.output.contains("already served") && second.output.hasSuffix("1\n"), "\(second.output)")
                #expect(try await process.shell(Self.health).contains("\"down\""))
                process.send(SIGKILL)
            }
            #expect(first.status == .signaled(SIGKILL))
            #expect(FileManager.default.fileExists(atPath: folder + "/offers.sock"))
            let next = try await OffersdProcess.run(in: folder, on: Self.nowhere) { (process) async throws in
                #expect(try await process.shell(Self.health).contains("\"down\""))
            }
            #expect(next.status == .exited(0))
            #expect(!FileManager.default.fileExists(atPath: folder + "/offers.sock"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/ops.sock"))
        }
    }

    @Test("SIGTERM: what has arrived is answered, a write that waits included, and the exit status is 0")
    func drains() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await OffersdProcess.withFolder { (folder) async throws in
                let ending = try await OffersdProcess.run(in: folder, on: database.connectionString) {
                    (process) async throws in
                    let accept =
                        #"{"jsonrpc":"2.0","id":1,"method":"acceptOffer","params":[\#(scene.master),\#(order)]}"#
                    let list = #"{"jsonrpc":"2.0","id":2,"method":"listOffers","params":[\#(scene.master)]}"#
                    let foreign = "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE"
                    try await HeldLock.hold(foreign, in: database) { lock in
                        // The client does not end its side: it is the server that closes.
                        async let replies = process.shell(
                            "cd \(folder) && mkfifo in && exec 3<>in && echo '\(accept)' >&3 && "
                                + "echo '\(list)' >&3 && socat - UNIX-CONNECT:$S <in")
                        try await lock.isWaitedFor()
                        process.send(SIGTERM)
                        try await lock.release()
                        let lines = try await replies.split(separator: "\n")
                        #expect(lines.count == 2, "\(lines)")
                        #expect(lines.first?.contains("\"alreadyAccepted\":false") == true, "\(lines)")
                        #expect(lines.last?.contains("\"total\":0") == true, "\(lines)")
                    }
                }
                #expect(ending.status == .exited(0))
            }
        }
    }

    @Test("SIGTERM: what still waits for the database when the time is over is abandoned, and the process ends")
    func endsInTime() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await OffersdProcess.withFolder { (folder) async throws in
                let accept = #"{"jsonrpc":"2.0","id":1,"method":"acceptOffer","params":[\#(scene.master),\#(order)]}"#
                let foreign = "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE"
                try await HeldLock.hold(foreign, in: database) { lock in
                    let told = Mutex<ContinuousClock.Instant?>(nil)
                    let ending = try await OffersdProcess.run(
                        in: folder, on: database.connectionString, ["--write-deadline-ms", "3000"]
                    ) { (process) async throws in
                        async let replies = process.shell(
                            "cd \(folder) && mkfifo in && exec 3<>in && "
                                + "for i in $(seq 40); do echo '\(accept)' >&3; done && socat - UNIX-CONNECT:$S <in")
                        try await lock.isWaitedFor()
                        told.withLock { $0 = .now }
                        process.send(SIGTERM)
                        #expect(try await replies.contains("TIMED_OUT"))
                    }
                    #expect(ending.status == .exited(0))
                    // The first waits for two and a half seconds, and so would each of the others.
                    let taken = try #require(told.withLock { $0 }).duration(to: .now)
                    #expect(taken < .seconds(60), "\(taken)")
                }
            }
        }
    }

    @Test("sockets from systemd are used by name, READY=1 is sent, and they outlive the process")
    func socketActivation() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let python = """
                import os, socket, subprocess, sys, json
                folder, offersd = sys.argv[1:]
                def listen(name):
                    s = socket.socket(socket.AF_UNIX); s.bind(folder + "/" + name); s.listen(); return s
                ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); ready.bind(folder + "/notify"); ready.settimeout(100)
                sockets = [listen("a.sock"), listen("b.sock")]
                def serve():
                    pid = os.fork()
                    if pid == 0:
                        low = [os.dup2(s.fileno(), 20 + i) for i, s in enumerate(sockets)]
                        for i in range(2): os.dup2(20 + i, 3 + i, inheritable=True)
                        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="offers:ops",
                                          NOTIFY_SOCKET=folder + "/notify")
                        os.execv(offersd, [offersd, "serve", "--database", "host=/nonexistent"])
                    return pid
                def ask(name, method):
                    s = socket.socket(socket.AF_UNIX); s.connect(folder + "/" + name)
                    s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": [1, 2]}).encode())
                    s.shutdown(socket.SHUT_WR); return s.makefile().read()
                for round in range(2):
                    pid = serve()
                    print(ready.recv(100).decode().split()[0])
                    print(json.loads(ask("a.sock", "acceptOffer"))["error"]["data"]["reason"])
                    print(json.loads(ask("b.sock", "acceptOffer"))["error"]["data"]["reason"])
                    os.kill(pid, 15)
                    print(os.waitpid(pid, 0)[1])
                    print(os.path.exists(folder + "/a.sock"))
                    while True:
                        try:
                            ready.settimeout(0.01); ready.recv(100)
                        except TimeoutError: ready.settimeout(100); break
                """
            let script = folder + "/activate.py"
            try python.write(toFile: script, atomically: true, encoding: .utf8)
            let run = try await BuiltProgram.shell(
                "python3 \"$1\" \"$2\" \"$3\" 2>\"$2/errors\" || cat \"$2/errors\"", script, folder,
                try BuiltProgram.path("offersd").string)
            let round = ["READY=1", "DATABASE_UNAVAILABLE", "FORBIDDEN", "0", "True"]
            #expect(run.output.split(separator: "\n").map(String.init) == round + round)
        }
    }

    @Test(
        "what is wrong with the start is said in one sentence",
        arguments: [
            ("serve --socket /tmp/\(String(repeating: "x", count: 120))", "107", 1),
            ("serve --socket /nonexistent/o.sock", "/nonexistent", 1),
            ("serve --socket /etc/hostname", "not a socket", 1),
            ("serve --sockt /tmp/x", "sockt", 64),
            ("serve --socket /tmp/x --database 'port=1 nonsense=2'", "nonsense", 64),
            ("serve --socket /tmp/x --read-connections 0", "OFFERSD_READ_CONNECTIONS", 64),
            ("serve", "RUNTIME_DIRECTORY", 1),
        ])
    func wrongStart(arguments: String, names: String, status: Int) async throws {
        let run = try await BuiltProgram.shell(
            "unset RUNTIME_DIRECTORY XDG_RUNTIME_DIR OFFERSD_SOCKET; timeout 100 \"$1\" \(arguments) 2>&1; echo \"status=$?\"",
            try BuiltProgram.path("offersd").string)
        #expect(run.output.contains(names), "\(run.output)")
        #expect(run.output.hasSuffix("status=\(status)\n"), "\(run.output)")
    }

    @Test("a variable of the environment does what its flag does, and the flag beats it")
    func environment() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let other = folder + "/other.sock"
            try await OffersdProcess.run(
                in: folder, ["--socket", folder + "/offers.sock"],
                environment: [
                    "OFFERSD_SOCKET": other, "OFFERSD_OPS_SOCKET": folder + "/ops.sock",
                    "OFFERSD_DATABASE": Self.nowhere,
                ], sockets: 2
            ) { (process) async throws in
                #expect(try await process.shell(Self.health).contains("\"down\""))
                #expect(try await process.shell("ls \(folder)") == "offers.sock\nops.sock\n")
            }
            let runtime = try await OffersdProcess.run(
                in: folder, ["--database", Self.nowhere], environment: ["RUNTIME_DIRECTORY": folder], sockets: 1
            ) { (process) async throws in
                #expect(try await process.shell(Self.health).contains("\"down\""))
            }
            #expect(runtime.errors.contains("listening on \(folder)/offers.sock"))
            // A variable that is set to nothing is as good as none.
            let session = try await BuiltProgram.shell(
                """
                RUNTIME_DIRECTORY= XDG_RUNTIME_DIR=$2 "$1" serve --database '\(Self.nowhere)' 2>$2/log & P=$!
                until grep -q '^listening' $2/log; do kill -0 $P || exit; done; kill $P; wait $P; cat $2/log
                """,
                try BuiltProgram.path("offersd").string, folder)
            #expect(session.output.contains("listening on \(folder)/offersd/offers.sock"), "\(session.output)")
            _ = try await BuiltProgram.shell("rm -r \(folder)/offersd")
        }
    }

    @Test("a variable that is no setting is named in the log, with the nearest one that is")
    func strangers() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let ending = try await OffersdProcess.run(
                in: folder, ["--socket", folder + "/offers.sock"],
                environment: [
                    "OFFERSD_DATABASE": Self.nowhere, "OFFERSD_MAX_WAITNG": "", "OFFERSD_POSTGRES_BIN": "/nonexistent",
                    "OFFERSD_WRITE_DEADLINE": "1000", "OFFERSD_READ_DEADLINE_MS": "1000",
                ], sockets: 1
            ) { _ in }
            // The test run itself may have variables of the build.
            let named = ending.errors.compactMap {
                $0.firstMatch(of: /OFFERSD_(MAX|WRITE|READ|POSTGRES|DATABASE).*/)?.output.0
            }
            #expect(
                named == [
                    "OFFERSD_MAX_WAITNG is set and is no setting: the nearest one is OFFERSD_MAX_WAITING",
                    "OFFERSD_WRITE_DEADLINE is set and is no setting: the nearest one is OFFERSD_WRITE_DEADLINE_MS",
                ], "\(ending.errors)")
        }
    }

    @Test("how fast connections may come can be set")
    func connectionRate() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let pace = ["--connection-burst", "1", "--connection-rate", "20"]
            try await OffersdProcess.run(in: folder, on: Self.nowhere, pace) { (process) async throws in
                let began = ContinuousClock.now
                // One at once, and 50 ms before each of the others: the bucket is a little more than full at first.
                for _ in 0..<12 { #expect(try await process.shell(Self.health).contains("\"down\"")) }
                #expect(ContinuousClock.now - began >= .milliseconds(450))
            }
        }
    }

    @Test("check says what is missing, and its exit status says how bad it is")
    func check() async throws {
        let offersd = try BuiltProgram.path("offersd").string
        let script = "\(Self.checkCommand); echo \"status=$?\""
        for (generation, lines) in [
            (Generation.g3, ["generation G3", "status=0"]),
            (
                .g0,
                [
                    "generation G0", "missing: order_status_history.actor_type", "order_status_history.context",
                    "status=1",
                ]
            ),
        ] {
            try await TestDatabase.withDatabase(generation) { (database) async throws in
                let run = try await BuiltProgram.shell(script, offersd, database.connectionString)
                for line in lines { #expect(run.output.contains(line), "\(run.output)") }
            }
        }
        let nowhere = try await BuiltProgram.shell(script, offersd, Self.nowhere)
        #expect(nowhere.output.hasSuffix("status=3\n"), "\(nowhere.output)")
    }

    @Test("check gives a statement the time that the service has")
    func checkDeadlines() async throws {
        let offersd = try BuiltProgram.path("offersd").string
        try await TestDatabase.withDatabase { database in
            _ = try await Scene(database).offeredOrder()
            try await database.sql(
                """
                ALTER TABLE cities RENAME TO real_cities;
                CREATE VIEW cities AS SELECT id, name || pg_sleep(1.5)::text AS name, timezone FROM real_cities;
                CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_sleep(1.5); RETURN new; END $$;
                CREATE TRIGGER pause BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION pause();
                """)
            let patient = try await BuiltProgram.shell(Self.checkCommand, offersd, database.connectionString)
            #expect(patient.status == .exited(0), "\(patient.output)")
            for variable in ["OFFERSD_READ_DEADLINE_MS", "OFFERSD_WRITE_DEADLINE_MS"] {
                let work = variable.contains("READ") ? "getOffer" : "acceptOffer"
                let hasty = try await BuiltProgram.shell(
                    Self.checkCommand.replacing("\(variable)=60000", with: "\(variable)=1000"), offersd,
                    database.connectionString)
                #expect(hasty.output.contains("not tried: \(work): timeout"), "\(hasty.output)")
                #expect(hasty.status == .exited(1))
            }
        }
    }

    /// On a slow machine what it tries takes its time.
    static let checkCommand =
        #"OFFERSD_READ_DEADLINE_MS=60000 OFFERSD_WRITE_DEADLINE_MS=60000 "$1" check --database "$2""#

    @Test("check sets nothing for a session, and prepares nothing, where it is told that there is a transaction pooler")
    func checkThroughPooler() async throws {
        let offersd = try BuiltProgram.path("offersd").string
        try await TestDatabase.withDatabase(.g3) { database in
            for isPooler in [false, true] {
                try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                    let run = try await BuiltProgram.shell(
                        "\(isPooler ? "export OFFERSD_NO_PREPARED_STATEMENTS=1;" : "") \(Self.checkCommand)",
                        offersd, proxy.connectionString)
                    #expect(run.output.hasSuffix("ok: nothing that the service needs is missing\n"), "\(run.output)")
                    // Every statement of a transaction is prepared where there is no pooler, and none is named where
                    // there is.
                    #expect((proxy.count(of: .parse(containing: "pg_stat_activity a")) == 0) == isPooler)
                }
            }
        }
    }
}
