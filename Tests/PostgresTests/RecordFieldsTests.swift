import Postgres
import Testing

@Suite("Composite values")
struct RecordFieldsTests {
    /// As Postgres 15 sends `ROW(7::int2, -8::int4, 9::int8, NULL::int4, 'ab'::text, '2000-01-01
    /// 00:00:01Z'::timestamptz)`.
    private static let record: [UInt8] =
        [0, 0, 0, 6]
        + [0, 0, 0, 21, 0, 0, 0, 2, 0, 7]
        + [0, 0, 0, 23, 0, 0, 0, 4, 255, 255, 255, 248]
        + [0, 0, 0, 20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9]
        + [0, 0, 0, 23, 255, 255, 255, 255]
        + [0, 0, 0, 25, 0, 0, 0, 2, 97, 98]
        + [0, 0, 4, 160, 0, 0, 0, 8, 0, 0, 0, 0, 0, 15, 66, 64]

    private func fields(_ bytes: [UInt8]) -> [(type: UInt32, bytes: [UInt8]?, integer: Int64?, timestamp: Int64?)] {
        bytes.withUnsafeBytes { bytes in
            var found: [(type: UInt32, bytes: [UInt8]?, integer: Int64?, timestamp: Int64?)] = []
            guard var fields = RecordFields(bytes) else { return [] }
            while let field = fields.next() {
                found.append((field.type, field.bytes.map { Array($0) }, field.integer, field.timestamp))
            }
            return found
        }
    }

    @Test("Each field comes with its type and value, and as a number only if it is one")
    func values() {
        let found = fields(Self.record)
        #expect(found.map(\.type) == [21, 23, 20, 23, 25, 1184])
        #expect(found.map(\.integer) == [7, -8, 9, nil, nil, nil])
        #expect(found.map(\.timestamp) == [nil, nil, nil, nil, nil, 1_000_000])
        #expect(found.map(\.bytes)[3] == nil)
        #expect(found.map(\.bytes)[4] == Array("ab".utf8))
    }

    @Test("Bytes that end too early give the fields that are whole, and nothing beyond the end")
    func prefixes() {
        let whole = fields(Self.record)
        for length in Self.record.indices {
            let found = fields(Array(Self.record.prefix(length)))
            #expect(found.count < whole.count)
            #expect(found.map(\.bytes) == whole.prefix(found.count).map(\.bytes), "\(length)")
        }
        #expect(fields([0, 0, 0, 1, 0, 0, 0, 25, 127, 255, 255, 255, 1]).isEmpty)
    }

    @Test("A number's type and length must agree")
    func mismatches() {
        #expect(fields([0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 1]).map(\.integer) == [nil])
        #expect(fields([0, 0, 0, 1, 0, 0, 4, 160, 0, 0, 0, 4, 0, 0, 0, 1]).map(\.timestamp) == [nil])
    }
}
