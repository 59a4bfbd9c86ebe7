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
