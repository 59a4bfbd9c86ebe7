import Offers

/// The screen of `offersctl top`: lines for a terminal from an interval, without I/O.
struct TopText {
    /// What the screen is of, beside the interval.
    struct Frame {
        /// Columns of the terminal; below 80 the lines are cut by it.
        var columns = 80
        var isColoured = false
        /// How often the service was started again since the first sample.
        var restarts = 0
        /// Why there is no newer sample; nil: the interval is the newest.
        var silence: String?
    }

    private let interval: TopInterval
    private let frame: Frame
    private var width: Int { max(80, frame.columns) }
    private var lines: [String] = []

    /// The lines, without their ends.
    static func lines(_ interval: TopInterval, _ frame: Frame = Frame()) -> [String] {
        var text = TopText(interval: interval, frame: frame)
        text.tellState()
        text.tellDatabase()
        text.tellMethods()
        text.tellRefusals()
        return text.lines
    }

    private init(interval: TopInterval, frame: Frame) {
        (self.interval, self.frame) = (interval, frame)
    }

    // MARK: The service

    private mutating func tellState() {
        let sample = interval.after
        let up = HumanTime.span(seconds: interval.health.uptimeSeconds)
        lines.append(
            paint(.bold, "offersd \(HumanText.printable(sample.version))") + "  pid \(sample.processId)  up \(up)")
        if let silence = frame.silence {
            tell("No answer: \(silence). What follows is the last that is known.", in: .red)
        }
        if interval.isRestart {
            tell("The service was started again: this interval counts from its start.", in: .yellow)
        }
        if frame.restarts > 0 {
            tell(
                "Started again \(frame.restarts) \(frame.restarts == 1 ? "time" : "times") since top began.",
                in: .yellow)
        }
        let health = interval.health
        let colour: Colour = health.status == .ok ? .green : health.status == .degraded ? .yellow : .red
        lines.append("health   " + paint(colour, health.status.rawValue))
        if !health.database.missing.isEmpty {
            tell("missing: \(health.database.missing.joined(separator: ", "))", indent: 9)
        }
        for note in health.database.notes { tell(note, indent: 9) }
        tell("clients  \(sample.connections.isEmpty ? "none" : sample.connections.list)")
        let rate = Self.rate(interval.perSecond(interval.calls))
        let refused = Self.rate(interval.perSecond(interval.refused))
        var work = "requests \(rate)/s, refused \(refused)/s, run again \(interval.retries)"
        if interval.droppedLogLines > 0 { work += ", log lines dropped \(interval.droppedLogLines)" }
        tell(work)
    }

    private mutating func tellDatabase() {
        let earlier = interval.before.pool
        let pools = interval.after.pool.sorted { $0.key < $1.key }
        lines.append("")
        table(
            ["database", "open", "busy", "waiting", "opened", "failed"],
            pools.map { name, pool in
                [
                    "  \(name)", "\(pool.connected)/\(pool.connections)", "\(pool.busy)", "\(pool.waiting)",
                    "+\(pool.opened - (earlier[name]?.opened ?? 0))",
                    "+\(pool.failedAttempts - (earlier[name]?.failedAttempts ?? 0))",
                ]
            },
            left: 1, colour: { pools[$0].value.connected == 0 ? .red : pools[$0].value.waiting > 0 ? .yellow : nil })
    }

    private mutating func tellMethods() {
        let interval = interval
        lines.append("")
        guard !interval.methods.isEmpty else { return lines.append("No request has ended.") }
        table(
            ["slowest first", "/s", "refused/s", "p50", "p99", "slow", "since start"],
            interval.methods.map { method in
                [
                    "  \(method.name)", Self.rate(interval.perSecond(method.calls)),
                    Self.rate(interval.perSecond(method.refused)), Self.text(method.p50), Self.text(method.p99),
                    "\(method.slow)", "\(method.total)",
                ]
            }, left: 1, colour: { interval.methods[$0].slow > 0 ? .yellow : nil })
    }

    private mutating func tellRefusals() {
        let shown = interval.refusals.prefix(10)
        guard !shown.isEmpty else { return }
        lines.append("")
        table(
            ["refusals", "reason", "/s", "since start"],
            shown.map { refusal in
                [
                    "  \(refusal.method ?? "(no method)")", refusal.reason,
                    Self.rate(interval.perSecond(refusal.count)), "\(refusal.total)",
                ]
            }, left: 2, colour: { row in shown[row].count > 0 && Self.isFault(shown[row].reason) ? .red : nil })
        if interval.refusals.count > shown.count {
            lines.append("  and \(interval.refusals.count - shown.count) more")
        }
    }

    /// Whether the reason tells of a fault of the service or its database, and not of business or a caller.
    private static func isFault(_ reason: String) -> Bool {
        switch Reason(rawValue: reason) {
        case .databaseUnavailable, .overloaded, .timedOut, .outcomeUnknown, .internalError: true
        default: false
        }
    }

    // MARK: Forms

    /// One digit after the point for what is small.
    static func rate(_ rate: Double) -> String {
        if rate == 0 { return "0" }
        guard rate < 99.95 else { return "\(Int64(rate.rounded()))" }
        let tenths = Int64((rate * 10).rounded())
        return tenths == 0 ? "<0.1" : "\(tenths / 10).\(tenths % 10)"
    }

    /// Such as `2.5 ms`; `<0.5 ms` where the buckets tell no more.
    static func text(_ latency: TopInterval.Latency?) -> String {
        switch latency {
        case nil: "-"
        case .atMost(let number): "<" + HumanTime.latency(microseconds: number)
        case .about(let number): HumanTime.latency(microseconds: number)
        case .above(let number): ">" + HumanTime.latency(microseconds: number)
        }
    }

    private mutating func table(
        _ heading: [String], _ rows: [[String]], left: Int, colour: (Int) -> Colour?
    ) {
        let aligned = TextTable.lines([heading] + rows, left: left, width: width)
        lines.append(paint(.bold, aligned[0]))
        for (row, line) in aligned.dropFirst().enumerated() {
            lines.append(colour(row).map { paint($0, line) } ?? line)
        }
    }

    private mutating func tell(_ sentence: String, indent: Int = 0, in colour: Colour? = nil) {
        for line in TextTable.wrapped(HumanText.printable(sentence), width: width, indent: indent) {
            lines.append(colour.map { paint($0, line) } ?? line)
        }
    }

    // MARK: Colours

    /// Attributes of ECMA-48 (SGR).
    private enum Colour: Int {
        case bold = 1
        case red = 31
        case green = 32
        case yellow = 33
    }

    private func paint(_ colour: Colour, _ text: String) -> String {
        frame.isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}
