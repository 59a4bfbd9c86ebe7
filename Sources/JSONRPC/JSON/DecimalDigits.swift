/// Decimal digits as text. Public, as ``JSONWriter`` is, to be inlined.
public enum DecimalDigits {
    /// The two ASCII digits of a number below 100, in the order of a little-endian machine's memory.
    ///
    /// Division by ten as a multiplication, which is exact for these numbers (Warren, Hacker's Delight, section 10-8).
    @inlinable
    public static func pair(_ number: UInt32) -> UInt16 {
        let tens = (number &* 205) >> 11
        let ones = number &- tens &* 10
        return (0x3030 as UInt16 &+ UInt16(truncatingIfNeeded: tens | ones << 8)).littleEndian
    }
}
