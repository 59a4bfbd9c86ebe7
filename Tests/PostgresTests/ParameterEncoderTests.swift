import Testing

@testable import Postgres

/// The binary forms are those of the server's `int8recv`, `array_recv`, `textrecv` and `timestamptz_recv`.
@Suite
struct ParameterEncoderTests {
    private struct Encoded: Equatable {
        /// Nil for NULL.
        let values: [[UInt8]?]
        let formats: [Int32]
    }

    private func encode(_ parameters: [Parameter]) -> Encoded {
        ParameterEncoder.withEncoded(parameters) { count, values, lengths, formats in
            let indices = 0..<Int(count)
            return Encoded(
                values: indices.map { index in
                    values?[index].map { value in
                        value.withMemoryRebound(to: UInt8.self, capacity: Int(lengths![index])) {
                            Array(UnsafeBufferPointer(start: $0, count: Int(lengths![index])))
                        }
                    }
                },
                formats: indices.map { formats![$0] })
        }
    }

    @Test("Integers and moments are big-endian, texts as they are, and all say that they are binary")
    func scalars() {
        let encoded = encode([.int8(1), .text("Ä"), .timestamptz(-2), .int8(0x0102_0304_0506_0708)])
        #expect(
            encoded.values == [
                [0, 0, 0, 0, 0, 0, 0, 1], [0xC3, 0x84], [255, 255, 255, 255, 255, 255, 255, 254],
                [1, 2, 3, 4, 5, 6, 7, 8],
            ])
        #expect(encoded.formats == [1, 1, 1, 1])
    }

    @Test("NULL is no pointer; a text of no length is one, wherever it stands")
    func empty() {
        #expect(
            encode([.text(""), .int8(nil), .text(nil), .timestamptz(nil), .text("")]).values == [[], nil, nil, nil, []])
        #expect(encode([.text("")]).values == [[]])
        #expect(encode([]) == Encoded(values: [], formats: []))
    }

    @Test("An array tells its dimensions, whether there are NULLs, its type, length and first index")
    func array() {
        #expect(encode([.int8Array([])]).values == [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20]])
        let header: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 1]
        let elements: [UInt8] = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 255, 255, 255, 255]
        #expect(encode([.int8Array([7, nil])]).values == [header + elements])
        // Among others each has its place.
        let mixed = encode([.text("ab"), .int8Array([7, nil]), .int8(1), .text("")])
        #expect(mixed.values == [[0x61, 0x62], header + elements, [0, 0, 0, 0, 0, 0, 0, 1], []])
    }
}
