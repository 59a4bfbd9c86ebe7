package import NIOCore

/// The lines that a server sends (JSON-RPC 2.0, section 5): reply objects, or arrays of them for a batch, each with its
/// line feed.
package enum ReplyLine {
    /// The reply to a request that succeeded.
    package static func success(_ id: RequestID, _ result: some JSONEncodable) -> ByteBuffer {
        reply(to: id, "result", result)
    }

    /// The reply to a request that was refused or failed.
    package static func failure(_ id: RequestID, _ error: RPCError) -> ByteBuffer { reply(to: id, "error", error) }

    private static func reply(to id: RequestID, _ name: StaticString, _ value: some JSONEncodable) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        writer.key("id")
        writer.raw(id.json)
        writer.member(name, value)
        writer.endObject()
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
