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

/// Replies (JSON-RPC 2.0, section 5), which are written and never kept as values.
extension JSONWriter {
    /// Writes the reply to a request that succeeded.
    package mutating func reply(to id: RequestID, result: some JSONEncodable) {
        self.beginReply(to: id)
        self.member("result", result)
        self.endObject()
    }

    /// Writes the reply to a request that failed.
    package mutating func reply(to id: RequestID, error: RPCError) {
        self.beginReply(to: id)
        self.member("error", error)
        self.endObject()
    }

    private mutating func beginReply(to id: RequestID) {
        self.beginObject()
        self.member("jsonrpc", "2.0")
        self.key("id")
        self.raw(id.json)
    }
}
