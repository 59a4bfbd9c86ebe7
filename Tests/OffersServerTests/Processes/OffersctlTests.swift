import Foundation
import JSONRPC
import NIOCore
import Offers
import SystemPackage
import TestDatabase
import Testing
import Turns

/// offersctl in a script: what it prints, and exit statuses that cannot lie.
@Suite("offersctl", .inTurn)
struct OffersctlTests {
    @Test("0 with the result on stdout, 1 with the reason on stderr, 2 for what is called wrongly")
    func doneAndRefused() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    let list = try await process.offersctl("listOffers masterId=\(scene.master) 2>/dev/null")
                    let lines = list.split(separator: "\n").map(String.init)
                    #expect(lines.last == "0")
                    let result = try JSONValue(parsing: ByteBuffer(string: lines[0]))
                    #expect(result["offers"]?.elements?.first?["orderId"]?.int64Value == Int64(order))
                    let pair = "orderId=\(order) masterId=\(scene.master)"
                    #expect(try await process.offersctl("acceptOffer \(pair)").hasSuffix("}}\n0\n"))
                    let refused = "acceptOffer orderId=\(order) masterId=\(scene.rival)"
                    #expect(try await process.offersctl("\(refused) 2>/dev/null") == "1\n")
                    #expect(try await process.offersctl("\(refused) 2>&1").hasPrefix("OFFER_NOT_FOUND: "))
                    #expect(try await process.offersctl("listOffers masterid=7 2>/dev/null") == "2\n")
                    #expect(try await process.offersctl("listOffers nonsense 2>/dev/null") == "2\n")
                    #expect(try await process.offersctl("--nonsense 2>/dev/null") == "2\n")
                }
            }
        }
    }

    @Test("3 when the service or its database is not there, 4 when it took too long, 5 when it is another program")
    func notThere() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                #expect(try await process.offersctl("listOffers masterId=7 2>/dev/null") == "3\n")
                #expect(try await process.offersctl("health 2>/dev/null").hasSuffix("0\n"))
                #expect(try await process.offersctl("health 2>/dev/null >/dev/full") == "5\n")
                let metrics = try await process.offersctl("metrics format=prometheus")
                #expect(metrics.hasPrefix("# HELP offersd_requests_total"))
                let wrong = try await process.offersctl("listOffers masterId=1 limit=0 2>&1")
                #expect(wrong.hasPrefix("INVALID_PARAMS: limit: "))
                let program = try BuiltProgram.path("offersctl").string
                let other = "'\(program)' --socket \(folder)/x health 2>/dev/null --deadline"
                #expect(try await process.shell("\(other) 0.3; echo $?") == "3\n")
                for (answer, deadline, status) in [
                    ("cat >/dev/null", 0.3, "4\n"), ("echo hello; cat >/dev/null", 100, "5\n"),
                ] {
                    let output = try await process.shell(
                        """
                        rm -f \(folder)/x; socat UNIX-LISTEN:\(folder)/x SYSTEM:'\(answer)' & peer=$!
                        \(BuiltProgram.untilListening(folder + "/x"))
                        \(other) \(deadline); echo $?; kill $peer 2>/dev/null; wait
                        """)
                    #expect(output == status)
                }
            }
        }
    }

    /// offersctl with a service that does wrong what `Tests/Scripted/service.py` is told to. `$F/x` is its socket; what
    /// is called is followed by its status, and by the number of requests that the service had, reads before writes
    /// aside.
    private func against(_ answers: [String], _ arguments: String) async throws -> String {
        try await OffersdProcess.withFolder { folder in
            let quoted = answers.map { "'\($0)'" }.joined(separator: " ")
            return try await BuiltProgram.shell(
                """
                F=$1; C=$2; python3 "$3" $F/x \(quoted) >$F/out & P=$!; \(BuiltProgram.untilListening("$F/x"))
                "$C" --socket $F/x \(arguments) 2>&1; echo "status $?"
                kill $P; wait; wc -l <$F/x.log
                """, folder, try BuiltProgram.path("offersctl").string,
                PackageRoot.path(of: "Tests/Scripted/service.py").string
            ).output
        }
    }

    private static func error(_ reason: String, retryable: Bool, retryAfterMs: Int? = nil) -> String {
        let after = retryAfterMs.map { #","retryAfterMs":\#($0)"# } ?? ""
        return
            #"{"error":{"code":-32001,"message":"No.","data":{"reason":"\#(reason)","retryable":\#(retryable)\#(after)}}}"#
    }

    @Test("--retry repeats what can be repeated and nothing else, as often as it says, and within the deadline")
    func retries() async throws {
        let down = Self.error("DATABASE_UNAVAILABLE", retryable: true, retryAfterMs: 10)
        let taken = Self.error("ORDER_TAKEN", retryable: false)
        let forbidden = Self.error("FORBIDDEN", retryable: false)
        let unknown = Self.error("OUTCOME_UNKNOWN", retryable: true)
        let later = Self.error("OVERLOADED", retryable: true, retryAfterMs: 60_000)
        let done = #"{"result":true}"#
        for (answers, arguments, output) in [
            ([down, "close", done], "health --retry 2 --deadline 100", "true\nstatus 0\n3\n"),
            ([down, "close", done], "health --retry 1 --deadline 100", "status 4\n2\n"),
            ([down, done], "health", "DATABASE_UNAVAILABLE: No.\nstatus 3\n1\n"),
            ([down], "health --retry 2 --deadline 100", "DATABASE_UNAVAILABLE: No.\nstatus 3\n3\n"),
            (
                [taken, done], "acceptOffer masterId=7 orderId=9 --retry 5 --deadline 100",
                "ORDER_TAKEN: No.\nstatus 1\n1\n"
            ),
            // A write that may be done already: that the service is not there afterwards does not undo it.
            (
                ["close", down], "acceptOffer masterId=7 orderId=9 --retry 1 --deadline 100",
                "DATABASE_UNAVAILABLE: No.\nstatus 4\n2\n"
            ),
            (
                [unknown, down], "declineOffer masterId=7 orderId=9 --retry 1 --deadline 100",
                "DATABASE_UNAVAILABLE: No.\nstatus 4\n2\n"
            ),
            (
                [unknown, forbidden], "declineOffer masterId=7 orderId=9 --retry 1 --deadline 100",
                "FORBIDDEN: No.\nstatus 4\n2\n"
            ),
            (
                ["close", taken], "acceptOffer masterId=7 orderId=9 --retry 1 --deadline 100",
                "ORDER_TAKEN: No.\nstatus 1\n2\n"
            ),
            (
                [down, down], "acceptOffer masterId=7 orderId=9 --retry 1 --deadline 100",
                "DATABASE_UNAVAILABLE: No.\nstatus 3\n2\n"
            ),
            (
                ["close", down], "listOffers masterId=7 --retry 1 --deadline 100",
                "DATABASE_UNAVAILABLE: No.\nstatus 3\n2\n"
            ),
            // What the service wishes is more than there is time for: told at once.
            ([later, done], "health --retry 5 --deadline 30", "OVERLOADED: No.\nstatus 3\n1\n"),
            ([#"{"nonsense":1}"#, done], "health --retry 5 --deadline 100", "status 5\n1\n"),
        ] {
            let run = try await against(answers, arguments)
            #expect(run.hasSuffix(output), "\(arguments): \(run)")
        }
    }

    @Test(
        "A write is sent only where something answers; once sent, nothing but an answer about it says what became of it"
    )
    func writes() async throws {
        let down = Self.error("DATABASE_UNAVAILABLE", retryable: true, retryAfterMs: 10)
        let taken = Self.error("ORDER_TAKEN", retryable: false)
        let stopping = Self.error("SHUTTING_DOWN", retryable: true)
        let forbidden = Self.error("FORBIDDEN", retryable: false)
        let (nonsense, done) = (#"{"nonsense":1}"#, #"{"result":true}"#)
        let notServed = "nothing answers there; the write was not sent\nstatus 3\n0\n"
        for (answers, options, output) in [
            (["probe:silent"], "--deadline 0.3", notServed),
            (["probe:close"], "--deadline 100", notServed),
            (["probe:half", done], "--deadline 100 --retry 1", "true\nstatus 0\n1\n"),
            (["probe:line hello"], "--deadline 100", "status 5\n0\n"),
            (["probe:" + stopping, done], "--deadline 100", "SHUTTING_DOWN: No.\nstatus 3\n0\n"),
            (["probe:" + stopping, done], "--deadline 100 --retry 1", "true\nstatus 0\n1\n"),
            // A read that is refused is an answer, too.
            (["probe:" + forbidden, done], "--deadline 100", "true\nstatus 0\n1\n"),
            (["close"], "--deadline 100", "status 4\n1\n"),
            (["silent"], "--deadline 3", "status 4\n1\n"),
            ([nonsense], "--deadline 100", "status 4\n1\n"),
            (["line hello"], "--deadline 100", "status 4\n1\n"),
            (["line hello", done], "--deadline 100 --retry 1", "true\nstatus 0\n2\n"),
            ([nonsense, down], "--deadline 100 --retry 1", "DATABASE_UNAVAILABLE: No.\nstatus 4\n2\n"),
            (["half", taken], "--deadline 100 --retry 5", "ORDER_TAKEN: No.\nstatus 1\n2\n"),
            (["close", forbidden, taken], "--deadline 100 --retry 5", "ORDER_TAKEN: No.\nstatus 1\n3\n"),
            (["gone"], "--deadline 100 --retry 1", "No such file or directory\nstatus 4\n1\n"),
            (["close", "probe:silent"], "--deadline 3 --retry 1", "status 4\n1\n"),
        ] {
            let run = try await against(answers, "acceptOffer masterId=7 orderId=9 \(options)")
            #expect(run.hasSuffix(output), "\(answers) \(options): \(run)")
        }
    }

    @Test("A reader at a terminal gets names and tables, with nothing that moves the cursor; a script gets JSON")
    func terminal() async throws {
        let list = #"""
            {"result":{"masterId":7,"total":2,"offers":[
            {"orderId":1042,"city":"Test\u001b[2Jville","district":null,"timeslot":{"start":"a","end":"b"}},
            {"orderId":9,"city":"Q","district":"North","timeslot":null}]}}
            """#.replacing("\n", with: "")
        let table = """
            masterId  7
            total     2

            offers:
            orderId  city            district  timeslot.start  timeslot.end  timeslot
            1042     Test [2Jville  -         a               b
            9        Q               North                                   -
            """
        let call = "listOffers masterId=7"
        func onTerminal(_ arguments: String) -> String {
            // After `"$C" --socket $F/x`, which is only asked for its help: the call proper goes through a terminal.
            "--help >/dev/null; script -qec \"$C --socket $F/x \(arguments)\" /dev/null | tr -d '\\r'"
        }
        let shown = try await against([list], onTerminal(call))
        #expect(shown.replacing(#/ +/#, with: " ").contains(table.replacing(#/ +/#, with: " ")), "\(shown)")
        #expect(!shown.contains("\u{1b}"))
        for script in [call, onTerminal(call + " --json")] {
            let run = try await against([list], script)
            #expect(
                run.replacing(" ", with: "").hasPrefix(#"{"masterId":7,"total":2,"offers":[{"orderId":1042,"#), "\(run)"
            )
        }
    }

    @Test("The completion that it prints for bash completes methods, params and options")
    func completion() async throws {
        let script = """
            set -e
            C=$1; PATH=$(dirname "$C"):$PATH
            eval "$(offersctl --generate-completion-script bash)"
            complete_() {
                COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
                _offersctl offersctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || true
                echo ${COMPREPLY[@]}
            }
            complete_ offersctl list
            complete_ offersctl acceptOffer masterI
            complete_ offersctl --dead
            """
        let run = try await BuiltProgram.shell(
            "bash -c \"$1\" bash \"$2\" 2>&1", script, try BuiltProgram.path("offersctl").string)
        #expect(run.output == "listOffers\nmasterId=\n--deadline\n", "\(run.output)")
    }

    @Test("Every program says the version that health reports")
    func versions() async throws {
        for program in ["offersd", "offersctl", "offers-bot", "offers-demo"] {
            let run = try await BuiltProgram.shell("exec \"$1\" --version", try BuiltProgram.path(program).string)
            #expect(run.output == "\(Release.version)\n")
        }
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                let health = try await process.offersctl("health")
                #expect(health.contains(#""version":"\#(Release.version)"}"#))
            }
        }
    }
}
