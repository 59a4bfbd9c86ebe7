package import JSONRPC
package import NIOCore
import SeededRandom

/// What must hold for every input. Each oracle gives what is wrong, as half a sentence, or nil.
package enum Oracles {
    /// All of them. `chance` decides where the input is cut and what it is written behind.
    package static func judge(_ input: [UInt8], chance: UInt64) -> String? {
        var random = SeededGenerator(seed: chance)
        return reading(input) ?? writing(input, &random) ?? framing(input, &random) ?? answering(input)
    }

    // MARK: JSON

    /// The parser accepts what the naive recogniser accepts; what it read is, written again and read, the same.
    package static func reading(_ input: [UInt8]) -> String? {
        let isJSON = NaiveJSON.accepts(input)
        guard let value = try? JSONValue(parsing: ByteBuffer(bytes: input)) else {
            return isJSON ? "JSON was refused" : nil
        }
        guard isJSON else { return "what is not JSON was accepted" }
        let once = rewritten(value)
        guard NaiveJSON.accepts(Array(once.readableBytesView)) else { return "what was written is not JSON" }
        guard let again = try? JSONValue(parsing: once) else { return "what was written is refused" }
        guard isSame(value, again), rewritten(again) == once else { return "what was written is something else" }
        if case .string(let string) = value, !string.utf8.elementsEqual(NaiveJSON.string(input).utf8) {
            return "a string was read wrongly"
        }
        return nil
    }

    /// Equal in meaning: white space and escapes aside.
    private static func isSame(_ one: JSONValue, _ other: JSONValue) -> Bool {
        switch (one, other) {
        case (.array(let one), .array(let other)):
            let (one, other) = (one.elements(), other.elements())
            return one.count == other.count && zip(one, other).allSatisfy(isSame)
        case (.object(let one), .object(let other)):
            let (one, other) = (one.members(), other.members())
            return one.count == other.count
                && zip(one, other).allSatisfy { $0.name.utf8.elementsEqual($1.name.utf8) && isSame($0.value, $1.value) }
        case (.string(let one), .string(let other)):
            return one.utf8.elementsEqual(other.utf8)
        default:
            return one == other
        }
    }

    /// The value taken apart to the last level and put together by the writer.
    package static func rewritten(_ value: JSONValue) -> ByteBuffer {
        func write(_ value: JSONValue, to writer: inout JSONWriter) {
            switch value {
            case .array(let text):
                writer.beginArray()
                for element in text.elements() { write(element, to: &writer) }
                writer.endArray()
            case .object(let text):
                writer.beginObject()
                for member in text.members() {
                    writer.key(named: member.name)
                    write(member.value, to: &writer)
                }
                writer.endObject()
            case .null, .bool, .number, .string:
                writer.value(value)
            }
        }
        var writer = JSONWriter()
        write(value, to: &writer)
        return writer.buffer
    }

    /// Any bytes become a string, at any alignment and any fill of the writer's memory, as a plain writer writes them.
    private static func writing(_ input: [UInt8], _ random: inout SeededGenerator) -> String? {
        let offset = input.isEmpty ? 0 : Int(random.next() % UInt64(min(input.count, 9)))
        let bytes = input[offset...]
        // Most texts leave the writer's first memory half empty; these end near its borders.
        let before = random.next() % 8 == 0 ? [2000, 2040, 2044, 2047, 2048, 4090, 6000][Int(random.next() % 7)] : 0
        let filler = String(repeating: "x", count: before)
        let number = Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
        var writer = JSONWriter()
        writer.beginArray()
        if before > 0 { writer.raw("\"\(filler)\"") }
        input.withUnsafeBytes { writer.string(utf8: UnsafeRawBufferPointer(rebasing: $0[offset...])) }
        writer.integer(number)
        writer.beginObject()
        writer.key(named: String(decoding: bytes, as: UTF8.self))
        writer.bool(true)
        writer.endObject()
        writer.endArray()

        let string = NaiveJSON.written(String(decoding: bytes, as: UTF8.self))
        let text = "[" + (before > 0 ? "\"\(filler)\"," : "")
        let expected = Array(text.utf8) + string + Array(",\(number),{".utf8) + string + Array(":true}]".utf8)
        return writer.buffer.readableBytesView.elementsEqual(expected) ? nil : "a string was written wrongly"
    }

    // MARK: Lines

    /// However a stream is cut, its lines are those that cutting all of it at once gives.
    private static func framing(_ input: [UInt8], _ random: inout SeededGenerator) -> String? {
        let maximum = [4, 16, 80, 65_536][Int(random.next() % 4)]
        let largest = [1, 3, 20, 2000][Int(random.next() % 4)]
        var rest = ByteBuffer(bytes: input)
        var decoder = LineDecoder(maximumLine: maximum)
        var found: [Frame] = []
        while rest.readableBytes > 0 {
            let length = min(1 + Int(random.next() % UInt64(largest)), rest.readableBytes)
            guard let chunk = rest.readSlice(length: length) else { break }
            decoder.append(chunk)
            // Sometimes the next chunk comes before the lines of this one are taken.
            guard random.next() % 4 > 0 else { continue }
            while let frame = decoder.next() { found.append(frame) }
        }
        while let frame = decoder.finish() { found.append(frame) }
        return found == frames(of: input, maximum: maximum) ? nil : "lines were cut wrongly"
    }

    /// The lines of a whole stream, in the plainest way.
    package static func frames(of input: [UInt8], maximum: Int) -> [Frame] {
        input.split(separator: 0x0A, omittingEmptySubsequences: false).compactMap { piece in
            let line = piece.last == 0x0D ? piece.dropLast() : piece
            if line.count > maximum { return .tooLong }
            return line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } ? nil : .line(ByteBuffer(bytes: line))
        }
    }

    // MARK: Replies

    /// Each line is sorted out as the specification says and answered with at most one line, which is JSON and has the
    /// ids as they came.
    private static func answering(_ input: [UInt8]) -> String? {
        for frame in frames(of: input, maximum: 65_536) {
            guard case .line(let line) = frame else { continue }
            let message = Message(line: line, maximumBatch: NaiveMessage.maximumBatch)
            let bytes = Array(line.readableBytesView)
            let expected = NaiveMessage.outcomes(of: bytes)
            let entries: [Message.Item] =
                switch message {
                case .single(let entry): [entry]
                case .batch(let entries): entries
                }
            guard entries.count == expected.count else { return "\(entries.count) entries, not \(expected.count)" }
            for (entry, expected) in zip(entries, expected) where !expected.agrees(with: entry, of: bytes) {
                return "an entry was sorted out wrongly"
            }
            guard let reply = NaiveMessage.reply(to: line) else { continue }
            if reply.readableBytesView.contains(0x0A) { return "a reply has several lines" }
            if !NaiveJSON.accepts(Array(reply.readableBytesView)) { return "a reply is not JSON" }
        }
        return nil
    }
}
