import ArgumentParser
import FoundationEssentials
import Glibc
import JSONRPC
import NIOCore
import Offers
import StandardOutput

/// Calls one method of a running offersd from a script.
struct Offersctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offersctl",
        abstract: "Call one method of a running offersd.",
        discussion: """
            Examples:
              offersctl listOffers masterId=7 limit=5
              offersctl acceptOffer masterId=7 orderId=1042
              offersctl explain masterId=7 orderId=1042
              offersctl top

            explain is explainOffer in sentences: why a master can or cannot take an order. Without orderId it says why \
            the list is as it is. Its exit code is 0 for any answer.

            top shows what the service does, once a second until Ctrl-C: requests and refusals, quantiles of the last \
            second, connections, health. Its own calls count, too. It goes on when the service restarts, and says so. \
            With --once it prints one interval of a second. With --json each interval is one line.

            Results go to standard output: as tables on a terminal, with times relative to the database's clock, else as \
            one line of JSON. A refusal goes to standard error.

            With --retry a call is repeated within the deadline: when the service says that this can help, when the \
            connection failed, and when a write got no valid answer. A repeat is safe, also of acceptOffer and \
            declineOffer.

            Exit codes:
              0  done
              1  refused; the reason is the first word on standard error
              2  wrong usage, or params that the service refuses
              3  the service or its database cannot be reached; nothing was done
              4  timed out, or the outcome is unknown; repeat the call, which is safe
              5  the answer does not follow the protocol, or the service failed internally
            """,
        version: Release.version)

    @Option(help: "The service's socket. Default: \(SocketPath.rule)", completion: .file())
    var socket: String?

    @Option(help: "Seconds that the call may take, with all attempts.")
    var deadline = 6.0

    @Option(help: "How often to repeat the call where that can help.")
    var retry = 0

    @Flag(help: "Print one line of JSON on standard output, also on a terminal and for a refusal.")
    var json = false

    @Flag(help: "With top: print one interval of a second, and end.")
    var once = false

    @Argument(
        help: "The method, such as listOffers; or explain or top.",
        completion: .list(Contract.methods.map(\.name) + [explain, top]))
    var method: String

    @Argument(
        help: "The params, each as name=value. A value that is an integer is sent as one, others as strings.",
        completion: .list(paramCompletions))
    var params: [String] = []

    /// The command that tells in sentences what `explainOffer` answers.
    private static let explain = "explain"

    /// The command that shows what the service does.
    private static let top = "top"

    private var isExplanation: Bool { method == Self.explain }

    /// The method as the service knows it.
    private var calledMethod: String { isExplanation ? Contract.explainOffer.name : method }

    func validate() throws {
        guard deadline > 0, deadline <= 3600 else {
            throw ValidationError("The deadline must be more than 0 and at most 3600 seconds.")
        }
        guard (0...1000).contains(retry) else {
            throw ValidationError("--retry is a number of attempts, from 0 to 1000.")
        }
        guard method == Self.top ? params.isEmpty && retry == 0 : !once else {
            throw ValidationError("--once belongs to top, which has no params and no --retry.")
        }
        _ = try members()
    }

    private static var paramCompletions: [String] {
        var names: [String] = []
        for parameter in Contract.methods.flatMap(\.parameters) {
            let values = if case .choice(let choices, _) = parameter.kind { choices } else { [""] }
            for value in values where !names.contains("\(parameter.name)=\(value)") {
                names.append("\(parameter.name)=\(value)")
            }
        }
        return names
    }

    func run() async throws {
        var write = WriteOutcome()
        do {
            guard method != Self.top else { return try await runTop() }
            let result = try await result(&write)
            switch result {
            case _ where isExplanation && !json: try Self.output(ExplainText.of(ExplainOfferResult(json: result)))
            // A text, as the metrics for Prometheus are, is for reading as it is.
            case .string(let text) where !json: try Self.output(text)
            case _ where !json && isatty(STDOUT_FILENO) == 1: try Self.output(text(result))
            default: try Self.output(Self.line(result) + "\n")
            }
        } catch {
            if json, let error = ((error as? NotSent)?.cause ?? error) as? RPCError {
                try Self.output(Self.line(error) + "\n")
            }
            let outcome = Outcome(error, mayBeDone: write.mayBeDone)
            StandardError.print(outcome.message)
            throw outcome.exitCode
        }
    }

    /// A result for a reader. What is no list and no metrics of this version is shown member by member.
    private func text(_ result: JSONValue) -> String {
        let width = Terminal.size.columns
        let now = Timestamp(secondsSince1970: Int64(time(nil)))
        if method == Contract.listOffers.name, let list = try? ListOffersResult(json: result) {
            return ListText.of(list, width: width)
        }
        if method == Contract.metrics.name, let numbers = try? ServiceNumbers(metrics: result) {
            return MetricsText.of(numbers, width: width, now: now)
        }
        return HumanText.of(result, width: width, now: now)
    }

    private func runTop() async throws {
        let isTerminal = Terminal.isOutput
        try await Top(
            path: path, form: json ? .json : isTerminal && !once ? .screen : .lines, isOnce: once,
            deadline: .seconds(deadline),
            isColoured: Terminal.isColoured(isOutput: isTerminal, ProcessInfo.processInfo.environment),
            write: Self.output
        ).run()
    }

    /// Calls until there is an answer, or nothing that another attempt could change.
    ///
    /// - Parameter write: What is known of the call, if it is one that writes.
    private func result(_ write: inout WriteOutcome) async throws -> JSONValue {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start.advanced(by: .seconds(deadline))
        let policy = RetryPolicy(retries: retry)
        var attempt = 1
        while true {
            do {
                let given = policy.time(for: attempt, mayBeDone: write.mayBeDone, of: .seconds(deadline))
                return try await call(heardUntil: end, writtenUntil: start.advanced(by: given))
            } catch {
                var isAnswered = false
                if writes, case .refused = write.verdict(on: error) { isAnswered = true }
                let pause = policy.pause(
                    after: error, mayBeDone: write.mayBeDone && !isAnswered, attempt: attempt,
                    remaining: clock.now.duration(to: end))
                guard let pause else { throw error }
                try await clock.sleep(for: pause)
                attempt += 1
            }
        }
    }

    /// One attempt on a connection of its own; of a write on one that has answered something.
    private func call(
        heardUntil end: ContinuousClock.Instant, writtenUntil given: ContinuousClock.Instant
    ) async throws -> JSONValue {
        let (path, method, members) = (path, calledMethod, try members())
        guard writes else {
            return try await Client.withConnection(to: path) { client in
                try await client.call(method, named: members, deadline: ContinuousClock.now.duration(to: end))
            }
        }
        let left = ContinuousClock.now.duration(to: end)
        return try await Client.withServedConnection(to: path, deadline: left) { client in
            try await client.call(method, named: members, deadline: ContinuousClock.now.duration(to: given))
        }
    }

    /// Whether the method may change anything; one that is not known is taken for a write.
    private var writes: Bool {
        Contract.methods.first { $0.name == calledMethod }.map { $0.errors.contains(.outcomeUnknown) } ?? true
    }

    /// Writes to standard output. A script must not take what could not be written for an empty success.
    private static func output(_ text: String) throws {
        do {
            try StandardOutput.write(text)
        } catch {
            StandardError.print("offersctl: \(error)")
            throw Outcome.unwritten
        }
    }

    private var path: String {
        socket ?? SocketPath.standard(ProcessInfo.processInfo.environment) { access($0, F_OK) == 0 }
    }

    private func members() throws -> [JSONMember] {
        try params.map { param in
            guard let separator = param.firstIndex(of: "="), separator != param.startIndex else {
                throw ValidationError("A param is name=value, not \(param).")
            }
            return JSONMember(name: String(param[..<separator]), value: value(param[param.index(after: separator)...]))
        }
    }

    /// An integer beyond 64 bits goes as it is, too: whether it makes sense is the service's business.
    private func value(_ text: Substring) -> JSONValue {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text
        let isInteger = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if isInteger, let number = try? JSONValue(parsing: ByteBuffer(substring: text)) { return number }
        return .string(String(text))
    }

    static func line(_ value: some JSONEncodable) -> String {
        var writer = JSONWriter()
        value.encode(to: &writer)
        return String(buffer: writer.buffer)
    }
}
