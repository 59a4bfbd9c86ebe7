/// Walks through the fields of a composite value (`ROW(…)`) in Postgres's binary format: the number of fields, and for
/// each the number of its type, its length (-1 for NULL) and its bytes (`record_send` in
/// `src/backend/utils/adt/rowtypes.c`).
///
/// For libpq a composite value is one value, whatever is in it: what is handed through a plan, described, and taken
/// apart by libpq is one column instead of many. Public, because the compiler (6.3) inlines nothing across modules that
/// is less.
@unsafe public struct RecordFields {
    @usableFromInline var position: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer

    /// One field.
    @unsafe public struct Field {
        /// The number of its type in `pg_type`.
        public let type: UInt32
        /// Its value; nil for NULL.
        public let bytes: UnsafeRawBufferPointer?

        @inlinable
        init(type: UInt32, bytes: UnsafeRawBufferPointer?) {
            unsafe self.type = type
            unsafe self.bytes = unsafe bytes
        }
    }

    /// The fields of a value that lies at `bytes`, which must stay valid meanwhile.
    @inlinable
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 4, let start = bytes.baseAddress else { return nil }
        unsafe position = unsafe start + 4
        unsafe end = unsafe start + bytes.count
    }

    /// The next field; nil at the end, and where the bytes are no such value.
    @inlinable
    @inline(__always)
    public mutating func next() -> Field? {
        guard unsafe end - position >= 8 else { return nil }
        let type = unsafe UInt32(bigEndian: position.loadUnaligned(as: UInt32.self))
        let length = unsafe Int(Int32(bigEndian: position.loadUnaligned(fromByteOffset: 4, as: Int32.self)))
        unsafe position += 8
        guard length >= 0 else { return unsafe Field(type: type, bytes: nil) }
        guard unsafe end - position >= length else { return nil }
        defer { unsafe position += length }
        return unsafe Field(type: type, bytes: UnsafeRawBufferPointer(start: position, count: length))
    }
}

extension RecordFields.Field {
    /// An `int2`, `int4` or `int8`; nil for anything else.
    @inlinable
    @inline(__always)
    public var integer: Int64? {
        switch unsafe (type, bytes?.count) {
        case (20, 8): unsafe load(Int64.self)
        case (23, 4): unsafe load(Int32.self)
        case (21, 2): unsafe load(Int16.self)
        default: nil
        }
    }

    /// A `timestamptz`, or a `timestamp`, which is as many microseconds since 2000-01-01; nil for anything else.
    @inlinable
    @inline(__always)
    public var timestamp: Int64? {
        unsafe (type == 1184 || type == 1114) && bytes?.count == 8 ? load(Int64.self) : nil
    }

    @inlinable
    @inline(__always)
    func load<Integer: FixedWidthInteger>(_: Integer.Type) -> Int64? {
        unsafe bytes.map { unsafe Int64(Integer(bigEndian: $0.loadUnaligned(as: Integer.self))) }
    }
}
