/// Lays parameters out as libpq takes them: integers, arrays and timestamps binary, text as it is.
///
/// Kept by its connection, so that its arrays are allocated once.
struct ParameterEncoder {
    private var bytes: [UInt8] = []
    private var values: [UnsafePointer<CChar>?] = []
    /// -1 for NULL, which libpq does not look at.
    private var lengths: [Int32] = []
    /// All ones: binary.
    private var formats: [Int32] = []

    /// Calls `body` with libpq's four arguments for `parameters`; the pointers are valid during the call.
    mutating func withEncoded<Value>(
        _ parameters: [Parameter],
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Value
    ) -> Value {
        bytes.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        for parameter in parameters {
            let start = bytes.count
            let isNull = !append(parameter)
            lengths.append(isNull ? -1 : Int32(bytes.count - start))
        }
        while formats.count < parameters.count { formats.append(1) }
        // A zero-length value still needs a pointer: NULL would mean SQL's NULL.
        if bytes.isEmpty { bytes.append(0) }
        return bytes.withUnsafeBytes { raw in
            var next = raw.baseAddress?.assumingMemoryBound(to: CChar.self)
            for length in lengths {
                values.append(length < 0 ? nil : next)
                next = next.map { $0 + Int(max(0, length)) }
            }
            return body(Int32(parameters.count), values, lengths, formats)
        }
    }

    /// Appends a value; returns false for NULL.
    private mutating func append(_ parameter: Parameter) -> Bool {
        switch parameter {
        case .int8(let value), .timestamptz(let value):
            guard let value else { return false }
            append(value)
        case .int8Array(let elements):
            append(elements)
        case .text(let value):
            guard let value else { return false }
            bytes.append(contentsOf: value.utf8)
        }
        return true
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
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
