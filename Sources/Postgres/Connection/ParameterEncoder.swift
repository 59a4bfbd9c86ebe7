/// Lays parameters out as libpq takes them: integers, arrays and timestamps binary, text as it is.
///
/// Kept by its connection, so that its arrays are allocated once.
struct ParameterEncoder {
    private var bytes: [UInt8] = []
    private var offsets: [Int?] = []
    private var values: [UnsafePointer<CChar>?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// Calls `body` with libpq's four arguments for `parameters`; the pointers are valid during the call.
    mutating func withEncoded<Value>(
        _ parameters: [Parameter],
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Value
    ) -> Value {
        bytes.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        for parameter in parameters {
            let start = bytes.count
            let isNull: Bool
            switch parameter {
            case .int8(let value), .timestamptz(let value):
                isNull = value == nil
                if let value { append(value) }
            case .int8Array(let elements):
                isNull = false
                append(elements)
            case .text(let value):
                isNull = value == nil
                if let value { bytes.append(contentsOf: value.utf8) }
            }
            offsets.append(isNull ? nil : start)
            lengths.append(Int32(bytes.count - start))
            formats.append(1)
        }
        // A zero-length value still needs a pointer: NULL would mean SQL's NULL.
        if bytes.isEmpty { bytes.append(0) }
        return bytes.withUnsafeBytes { raw in
            let start = raw.baseAddress?.assumingMemoryBound(to: CChar.self)
            for offset in offsets {
                values.append(offset.flatMap { offset in start.map { $0 + offset } })
            }
            return body(Int32(parameters.count), values, lengths, formats)
        }
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// The form that `array_recv` of the server takes: dimensions, whether there are NULLs, the type of the elements,
    /// for each dimension its length and first index, and then the elements, with their lengths.
    private mutating func append(_ elements: [Int64?]) {
        append(Int32(elements.isEmpty ? 0 : 1))
        append(Int32(elements.contains(nil) ? 1 : 0))
        append(ParameterType.int8.rawValue)
        if elements.isEmpty { return }
        append(Int32(elements.count))
        append(Int32(1))
        for element in elements {
            append(Int32(element == nil ? -1 : 8))
            if let element { append(element) }
        }
    }
}
