extension UnsafeBufferPointer<UInt8> {
    /// The string that these bytes, the checked content of a JSON string, stand for (RFC 8259, section 7).
    ///
    /// Two escapes that form a surrogate pair are one character. A surrogate without its partner becomes U+FFFD.
    func unescaped() -> String {
        var utf8: [UInt8] = []
        utf8.reserveCapacity(self.count)  // no escape is shorter than what it stands for
        var offset = 0
        while offset < self.count {
            guard unsafe self[offset] == UInt8(ascii: "\\") else {
                unsafe utf8.append(self[offset])
                offset += 1
                continue
            }
            let letter = unsafe self[offset + 1]
            offset += 2
            switch letter {
            case UInt8(ascii: "b"): utf8.append(0x08)
            case UInt8(ascii: "f"): utf8.append(0x0C)
            case UInt8(ascii: "n"): utf8.append(0x0A)
            case UInt8(ascii: "r"): utf8.append(0x0D)
            case UInt8(ascii: "t"): utf8.append(0x09)
            case UInt8(ascii: "u"): unsafe utf8.append(contentsOf: UTF8.encode(self.escapedScalar(at: &offset))!)
            default: utf8.append(letter)  // a quote, a backslash or a slash
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }

    /// Reads the four digits at `offset`, and the escape behind them if the two are a surrogate pair.
    private func escapedScalar(at offset: inout Int) -> Unicode.Scalar {
        let first = unsafe self.hexadecimal(at: offset)
        offset += 4
        if let scalar = Unicode.Scalar(first) {
            return scalar
        }
        guard UTF16.isLeadSurrogate(first), offset + 6 <= self.count,
            unsafe self[offset] == UInt8(ascii: "\\"), unsafe self[offset + 1] == UInt8(ascii: "u")
        else { return "\u{FFFD}" }
        let second = unsafe self.hexadecimal(at: offset + 2)
        guard UTF16.isTrailSurrogate(second) else { return "\u{FFFD}" }
        offset += 6
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    /// The value of the four hexadecimal digits at `offset`.
    private func hexadecimal(at offset: Int) -> UInt16 {
        var value: UInt16 = 0
        for index in offset..<offset + 4 {
            let digit = unsafe self[index]
            // The low four bits of a letter count from 1.
            value = value << 4 | UInt16(digit <= UInt8(ascii: "9") ? digit & 0xF : digit & 0xF + 9)
        }
        return value
    }
}
