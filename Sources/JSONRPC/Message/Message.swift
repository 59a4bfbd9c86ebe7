package import NIOCore

/// What one line from a client came to (JSON-RPC 2.0, sections 4 to 6).
package enum Message: Sendable, Equatable {
    /// One request, or one thing to be answered with an error.
    case single(Entry)
    /// A batch of at least one entry, to be answered with one array.
    case batch([Entry])

    /// Reads a line without its terminator. Every line gives a message: what is wrong with it is in the message.
    ///
    /// - Parameter maximumBatch: A batch of more entries is not taken apart but answered with one error.
    package init(line: ByteBuffer, maximumBatch: Int) {
        do {
            switch try JSONValue(parsing: line) {
            case .array(let batch): self = Message(batch: batch, maximum: maximumBatch)
            case let value: self = .single(Entry(value))
            }
        } catch {
            self = .single(.invalid(id: .null, .parseError(error)))
        }
    }

    private init(batch: JSONText, maximum: Int) {
        var cursor = JSONCursor(batch)
        var entries: [Entry] = []
        while let range = cursor.nextElement() {
            guard entries.count < maximum else {
                self = .single(.invalid(id: .null, .batchTooLong(limit: maximum)))
                return
            }
            entries.append(Entry(cursor.value(in: range)))
        }
        if entries.isEmpty {
            self = .single(.invalid(id: .null, .invalidRequest("The batch is empty; put at least one request in it.")))
        } else {
            self = .batch(entries)
        }
    }
}
