import NIOCore

/// The lines that a server sends: reply objects, or arrays of them for a batch, each with its line feed.
enum ReplyLine {
    /// The reply to a request that succeeded.
    static func success(_ id: RequestID, _ result: some JSONEncodable) -> ByteBuffer {
        var writer = JSONWriter()
        writer.reply(to: id, result: result)
        return writer.line()
    }

    /// The reply to a request that was refused or failed.
    static func failure(_ id: RequestID, _ error: RPCError) -> ByteBuffer {
        var writer = JSONWriter()
        writer.reply(to: id, error: error)
        return writer.line()
    }

    /// The reply to a batch, made of the replies to its entries.
    static func batch(_ replies: [ByteBuffer]) -> ByteBuffer {
        var line = ByteBufferAllocator().buffer(capacity: replies.reduce(2) { $0 + $1.readableBytes })
        var separator = UInt8(ascii: "[")
        for reply in replies {
            line.writeInteger(separator)
            line.writeBytes(reply.readableBytesView.dropLast())
            separator = UInt8(ascii: ",")
        }
        line.writeMultipleIntegers(UInt8(ascii: "]"), UInt8(ascii: "\n"))
        return line
    }
}
