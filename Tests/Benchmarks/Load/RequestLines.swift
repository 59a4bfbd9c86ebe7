import SeededRandom

/// The requests of a run, written before it begins: while the clock runs they are only copied.
struct RequestLines: Sendable {
    /// All lines, each with its line feed.
    private(set) var bytes: [UInt8] = []
    /// Where each line ends.
    private(set) var ends: [Int] = []
    /// Whether the lines begin again at the end (lists), or the run is over with the last (accepts: each order once).
    let repeats: Bool

    /// What every reply begins with; the id is the same in all requests.
    static let resultPrefix = Array(#"{"jsonrpc":"2.0","id":1,"result":"#.utf8)

    var count: Int { ends.count }

    func range(of line: Int) -> Range<Int> {
        (line == 0 ? 0 : ends[line - 1])..<ends[line]
    }

    /// Lists of five offers of masters 1 to `masters`, in an order that `seed` decides.
    static func lists(masters: Int, count: Int = 1 << 16, seed: UInt64 = 1) -> RequestLines {
        var random = SeededGenerator(seed: seed)
        var lines = RequestLines(repeats: true)
        for _ in 0..<count {
            lines.append(
                method: "listOffers", params: #""masterId":\#(Int.random(in: 1...masters, using: &random)),"limit":5"#)
        }
        return lines
    }

    /// One accept for each pair.
    static func accepts(_ pairs: some Sequence<AcceptablePair>) -> RequestLines {
        var lines = RequestLines(repeats: false)
        for pair in pairs {
            lines.append(method: "acceptOffer", params: #""masterId":\#(pair.master),"orderId":\#(pair.order)"#)
        }
        return lines
    }

    /// The first ones, each once.
    func prefix(_ count: Int) -> RequestLines {
        var lines = RequestLines(repeats: false)
        lines.ends = Array(ends.prefix(count))
        lines.bytes = Array(bytes.prefix(lines.ends.last ?? 0))
        return lines
    }

    private mutating func append(method: String, params: String) {
        bytes += Array(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(params)}}"#.utf8)
        bytes.append(UInt8(ascii: "\n"))
        ends.append(bytes.count)
    }
}

/// An order that a master can accept.
struct AcceptablePair: Sendable, Equatable {
    let master: Int
    let order: Int
}
