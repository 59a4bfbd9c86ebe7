/// Lays parameters out as libpq takes them: integers, arrays and timestamps binary, text as it is.
enum ParameterEncoder {
    /// Calls `body` with libpq's four arguments for `parameters`; the pointers are valid during the call.
    static func withEncoded<Value>(
        _ parameters: [Parameter],
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Value
    ) -> Value {
        // One byte more: a value of no length needs a pointer, too, for NULL would mean SQL's NULL.
        let byteCount = parameters.reduce(1) { $0 + $1.encodedCount }
        return unsafe withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 1) { bytes in
            unsafe withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: parameters.count) { values in
                unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * parameters.count) { numbers in
                    var encoded = unsafe EncodedBytes(memory: bytes)
                    for (index, parameter) in parameters.enumerated() {
                        let start = unsafe encoded.count
                        let isNull = unsafe !encoded.append(parameter)
                        let value = unsafe UnsafePointer(
                            bytes.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self))
                        unsafe values.initializeElement(at: index, to: isNull ? nil : value)
                        // libpq does not look at the length of NULL.
                        unsafe numbers.initializeElement(at: index, to: Int32(encoded.count - start))
                        // Binary.
                        unsafe numbers.initializeElement(at: parameters.count + index, to: 1)
                    }
                    return unsafe body(
                        Int32(parameters.count), values.baseAddress, numbers.baseAddress,
                        numbers.baseAddress?.advanced(by: parameters.count))
                }
            }
        }
    }
}

extension Parameter {
    /// The most bytes that its value can take.
    fileprivate var encodedCount: Int {
        switch self {
        case .int8, .timestamptz: 8
        case .int8Array(let elements): 20 + 12 * elements.count
        case .text(let value): value?.utf8.count ?? 0
        }
    }
}

/// Memory that values are put behind one another in, big-endian as Postgres takes them.
@unsafe private struct EncodedBytes {
    let memory: UnsafeMutableRawBufferPointer
    var count = 0

    /// Appends a value; returns false for NULL.
    mutating func append(_ parameter: Parameter) -> Bool {
        switch parameter {
        case .int8(let value), .timestamptz(let value):
            guard let value else { return false }
            unsafe append(value)
        case .int8Array(let elements):
            unsafe append(elements)
        case .text(let value):
            guard let value else { return false }
            let (_, end) = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...]).initializeMemory(
                as: UInt8.self, from: value.utf8)
            unsafe count += end.count
        }
        return true
    }

    private mutating func append<Integer: FixedWidthInteger>(_ number: Integer) {
        unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: count, as: Integer.self)
        unsafe count += MemoryLayout<Integer>.size
    }

    /// The form that `array_recv` of the server takes: dimensions, whether there are NULLs, the type of the elements,
    /// for each dimension its length and first index, and then the elements, with their lengths.
    private mutating func append(_ elements: [Int64?]) {
        unsafe append(Int32(elements.isEmpty ? 0 : 1))
        unsafe append(Int32(elements.contains(nil) ? 1 : 0))
        unsafe append(ParameterType.int8.rawValue)
        if elements.isEmpty { return }
        unsafe append(Int32(elements.count))
        unsafe append(Int32(1))
        for element in elements {
            unsafe append(Int32(element == nil ? -1 : 8))
            if let element { unsafe append(element) }
        }
    }
}
