import NIOCore

/// Tells a connection beyond the limit why it is closed, in answer to its first line; the server never speaks first.
struct Refusal {
    let limits: Limits

    /// Waits for the first line, answers it with OVERLOADED and closes; without one it closes after a time.
    func run(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
        let timeout = channel.channel.eventLoop.scheduleTask(in: limits.overLimitWait) {
            channel.channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        await withTaskCancellationHandler {
            // An error means that the client is gone, or took too long.
            try? await channel.executeThenClose { inbound, _ in
                guard let frame = try await firstFrame(inbound), let answer = answer(to: frame) else { return }
                try await channel.channel.writeAndFlush(answer).get()
            }
        } onCancel: {
            channel.channel.close(promise: nil)
        }
    }

    private func firstFrame(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> Frame? {
        var decoder = LineDecoder(maximumLine: limits.maximumLineBytes)
        for try await chunk in inbound {
            decoder.append(chunk)
            if let frame = decoder.next() { return frame }
        }
        return decoder.finish()
    }

    /// The line that answers; nil when the client's line asks for no answer.
    private func answer(to frame: Frame) -> ByteBuffer? {
        let allocator = ByteBufferAllocator()
        switch frame {
        case .tooLong:
            return ReplyLine.failure(.null, .lineTooLong(limit: limits.maximumLineBytes), allocator)
        case .line(let bytes):
            switch Message(line: bytes, maximumBatch: limits.maximumBatch) {
            case .single(let entry):
                return answer(to: entry, allocator)
            case .batch(let entries):
                let replies = entries.compactMap { answer(to: $0, allocator) }
                return replies.isEmpty ? nil : ReplyLine.batch(replies, allocator)
            }
        }
    }

    private func answer(to entry: Entry, _ allocator: ByteBufferAllocator) -> ByteBuffer? {
        switch entry {
        case .invalid(let id, let error):
            return ReplyLine.failure(id, error, allocator)
        case .request(let request):
            return request.id.map {
                ReplyLine.failure($0, .overloaded(retryAfterMilliseconds: Self.retryAfter), allocator)
            }
        }
    }

    /// When a client may try again, in milliseconds.
    private static let retryAfter: Int64 = 1000
}
