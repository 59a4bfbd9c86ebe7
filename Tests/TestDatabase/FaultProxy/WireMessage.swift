import NIOCore

/// One message of the Postgres protocol, version 3 (PostgreSQL documentation, chapter "Frontend/Backend Protocol").
struct WireMessage: Sendable {
    /// The type byte; nil for the messages before the session, which have none.
    var type: Character?
    /// What follows the length.
    var body: ByteBuffer

    /// The request codes that take the place of a protocol version.
    enum RequestCode {
        static let encryption: [Int32] = [80_877_103, 80_877_104]
        static let cancel: Int32 = 80_877_102
    }

    /// The protocol version or request code of a message without a type.
    var requestCode: Int32? {
        type == nil ? body.getInteger(at: body.readerIndex) : nil
    }

    func encoded() -> ByteBuffer {
        var bytes = ByteBuffer()
        if let type, let byte = type.asciiValue { bytes.writeInteger(byte) }
        bytes.writeInteger(Int32(body.readableBytes + 4))
        bytes.writeImmutableBuffer(body)
        return bytes
    }

    /// A NoticeResponse of severity WARNING, raised by `function` of the server.
    static func warning(_ sqlState: String, from function: String) -> WireMessage {
        var body = ByteBuffer()
        for field in ["SWARNING", "VWARNING", "C\(sqlState)", "Mput in by the proxy", "R\(function)", ""] {
            body.writeNullTerminatedString(field)
        }
        return WireMessage(type: "N", body: body)
    }

    /// An ErrorResponse as if `function` of the server had raised it.
    func attributed(to function: String) -> WireMessage {
        guard type == "E" else { return self }
        var rest = body
        var changed = ByteBuffer()
        while let field = rest.readNullTerminatedString(), let code = field.first {
            changed.writeNullTerminatedString(code == "R" ? "R" + function : field)
        }
        changed.writeInteger(UInt8(0))
        return WireMessage(type: type, body: changed)
    }

    /// The texts at the start of the body, each ended by a zero byte.
    func texts(_ count: Int) -> [String] {
        var rest = body
        return (0..<count).compactMap { _ in rest.readNullTerminatedString() }
    }

    /// A Parse or Query message with another statement in it.
    func replacingSQL(_ change: (String) -> String) -> WireMessage {
        var rest = body
        var changed = WireMessage(type: type, body: ByteBuffer())
        if type == "P" {
            changed.body.writeNullTerminatedString(rest.readNullTerminatedString() ?? "")
        }
        changed.body.writeNullTerminatedString(change(rest.readNullTerminatedString() ?? ""))
        changed.body.writeImmutableBuffer(rest)
        return changed
    }
}

/// Cuts a direction of the stream into messages.
struct WireMessageDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = WireMessage

    struct Malformed: Error {}

    /// Whether messages have type bytes yet; a client's first ones have not.
    private var isTyped: Bool

    init(fromClient: Bool) {
        isTyped = !fromClient
    }

    mutating func decode(buffer: inout ByteBuffer) throws -> WireMessage? {
        let header = isTyped ? 1 : 0
        guard let length: Int32 = buffer.getInteger(at: buffer.readerIndex + header) else { return nil }
        guard length >= 4 else { throw Malformed() }
        guard buffer.readableBytes >= header + Int(length) else { return nil }
        let type = isTyped ? buffer.readInteger(as: UInt8.self).map { Character(UnicodeScalar($0)) } : nil
        buffer.moveReaderIndex(forwardBy: 4)
        let message = WireMessage(type: type, body: buffer.readSlice(length: Int(length) - 4) ?? ByteBuffer())
        // A request for encryption is followed by another message without a type.
        if let code = message.requestCode, !WireMessage.RequestCode.encryption.contains(code) { isTyped = true }
        return message
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> WireMessage? {
        try decode(buffer: &buffer)
    }
}
