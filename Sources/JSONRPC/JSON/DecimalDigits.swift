/// Decimal digits as text. Public, as ``JSONWriter`` is, to be inlined.
public enum DecimalDigits {
    @usableFromInline static let pairs: StaticString = """
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """

    /// The two ASCII digits of a number below 100, as they lie in memory.
    @inlinable
    @inline(__always)
    public static func pair(_ number: UInt32) -> UInt16 {
        assert(number < 100)
        return unsafe UnsafeRawPointer(pairs.utf8Start)
            .loadUnaligned(fromByteOffset: Int(truncatingIfNeeded: number) &* 2, as: UInt16.self)
    }
}
