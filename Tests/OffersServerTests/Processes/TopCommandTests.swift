import JSONRPC
import NIOCore
import SystemPackage
import Testing
import Turns

/// `offersctl top` as a process, with a service that is started again.
@Suite("offersctl top", .inTurn)
struct TopCommandTests {
    @Test("Once, as one object, and over a restart of the service; without a service it ends with 3")
    func once() async throws {
        let program = try BuiltProgram.path("offersctl").string
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                let text = try await process.shell("'\(program)' --socket $OPS --deadline 100 top --once; echo $?")
                let lines = text.split(separator: "\n").map(String.init)
                #expect(lines[0].contains("pid \(process.processID)") && lines.last == "0", "\(text)")
                #expect(lines.contains("health   down") && !text.contains("\u{1B}"))
                #expect(lines.allSatisfy { $0.count <= 80 })
                let json = try await process.shell("'\(program)' --socket $OPS --deadline 100 --json top --once")
                let object = try JSONValue(parsing: ByteBuffer(string: json))
                #expect(object["restarted"]?.boolValue == false && object["health"]?["status"]?.stringValue == "down")
                // Its own question is a request of the interval.
                #expect((object["requests"]?.int64Value ?? 0) >= 1)
                #expect(try await process.shell("'\(program)' top x=1 2>/dev/null; echo $?") == "2\n")
                #expect(try await process.shell("'\(program)' health --once 2>/dev/null; echo $?") == "2\n")
            }
            let gone = try await BuiltProgram.shell("\"$1\" --socket $2/none top 2>/dev/null; echo $?", program, folder)
            #expect(gone.output == "3\n")
            // Watched from one process of the service to the next, and then told to stop.
            let watched = try await BuiltProgram.shell(
                """
                F=$2; D=$3; : >$F/out
                "$D" serve --socket $F/s --database host=/nonexistent 2>/dev/null & first=$!
                \(BuiltProgram.untilListening("$F/s"))
                "$1" --socket $F/s --json top >$F/out 2>&1 & top=$!
                until grep -q '"restarts":0' $F/out; do sleep 0.1; done
                kill $first; wait $first
                until grep -q '"answered":false' $F/out; do sleep 0.1; done
                "$D" serve --socket $F/s --database host=/nonexistent 2>/dev/null & second=$!
                until grep -q '"restarts":1' $F/out && tail -1 $F/out | grep -q '"answered":true'; do sleep 0.1; done
                kill $top; wait $top; echo "status $?"; kill $second; wait $second
                grep -c '"restarted":true' $F/out
                """, program, folder, try BuiltProgram.path("offersd").string)
            #expect(watched.output == "status 0\n1\n", "\(watched.output)")
        }
    }

    @Test("On a terminal Ctrl-C ends it with 0, and the terminal is as it was")
    func terminal() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                let program = try BuiltProgram.path("offersctl").string
                let output = try await process.shell(
                    """
                    F=\(folder); : >$F/out
                    export TERM=xterm NO_COLOR=
                    script -qefc 'echo $$ >'$F'/pid; exec \(program) --socket '$S' top' $F/out </dev/null >/dev/null & t=$!
                    until grep -q 'health   ' $F/out; do sleep 0.1; done
                    kill -INT $(cat $F/pid); wait $t; echo "status $?"
                    grep -c "$(printf '\\033\\[?1049l')" $F/out; grep -c "$(printf '\\033\\[31mdown')" $F/out | sed 's/[1-9].*/red/'
                    """)
                #expect(output == "status 0\n1\nred\n", "\(output)")
            }
        }
    }
}
