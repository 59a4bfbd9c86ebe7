internal import DequeModule
import Glibc
package import NIOCore

/// What ``LineDecoder`` finds in a stream of bytes.
package enum Frame: Sendable, Equatable {
    /// A line without its terminator, never empty and never only white space.
    case line(ByteBuffer)
    /// A line had more bytes than allowed. It is reported once and skipped; the lines behind it are found as usual.
    case tooLong
}

/// Cuts a stream of bytes into lines.
///
/// A line ends with `\n`; a `\r` before it belongs to the terminator. Lines of only JSON white space are skipped. Add
/// a chunk with ``append(_:)``, take frames with ``next()`` until it gives nil, and so on; at the end of the stream
/// take what is left with ``finish()``.
///
/// Every byte is searched once. A line that lies within one chunk is a slice of it; only one that does not is copied.
/// Of what was looked at, no more than the longest allowed line is held (as a slice it keeps its chunk alive), and
/// nothing of a line that is too long.
package struct LineDecoder {
    private let maximumLine: Int
    /// What was appended and not looked at; none is empty.
    private var chunks: Deque<ByteBuffer> = []
    /// The beginning of a line whose end has not come yet; it has no `\n`.
    private var start = ByteBuffer()
    /// Whether what comes belongs to a line that was reported as too long.
    private var isSkipping = false

    /// - Parameter maximumLine: The most bytes that a line may have, not counting its terminator.
    package init(maximumLine: Int) {
        self.maximumLine = maximumLine
    }

    /// Takes the next bytes of the stream.
    package mutating func append(_ bytes: ByteBuffer) {
        if bytes.readableBytes > 0 { self.chunks.append(bytes) }
    }

    /// The next line that is complete, or already too long; nil when more bytes are needed.
    package mutating func next() -> Frame? {
        while !self.chunks.isEmpty {
            let newline = self.chunks[0].firstOffset(of: UInt8(ascii: "\n"))
            // The slice is there: its length is at most what is readable.
            let piece = self.chunks[0].readSlice(length: newline ?? self.chunks[0].readableBytes)!
            if newline != nil {
                self.chunks[0].moveReaderIndex(forwardBy: 1)
            }
            if self.chunks[0].readableBytes == 0 { self.chunks.removeFirst() }
            if let frame = self.add(piece, endsLine: newline != nil) {
                return frame
            }
        }
        return nil
    }

    /// What is left when the stream has ended; nil when nothing is. Call it until it gives nil.
    ///
    /// A last line without a terminator is a line.
    package mutating func finish() -> Frame? {
        self.next() ?? self.add(ByteBuffer(), endsLine: true)
    }

    /// Adds a piece without a `\n` to the line that is being read.
    private mutating func add(_ piece: ByteBuffer, endsLine: Bool) -> Frame? {
        guard !self.isSkipping else {
            self.isSkipping = !endsLine
            return nil
        }
        // A `\r` that comes last is half of a terminator, or may turn out to be.
        let endsWithReturn = (piece.lastByte ?? self.start.lastByte) == UInt8(ascii: "\r")
        let length = self.start.readableBytes + piece.readableBytes - (endsWithReturn ? 1 : 0)
        guard length <= self.maximumLine else {
            self.start = ByteBuffer()
            self.isSkipping = !endsLine
            return .tooLong
        }
        if self.start.readableBytes == 0 {
            self.start = piece
        } else {
            self.start.writeImmutableBuffer(piece)
        }
        guard endsLine else { return nil }
        let line = self.start
        self.start = ByteBuffer()
        return line.isBlank ? nil : .line(line.getSlice(at: line.readerIndex, length: length)!)
    }
}

extension ByteBuffer {
    fileprivate func firstOffset(of byte: UInt8) -> Int? {
        unsafe self.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress, let found = unsafe memchr(base, Int32(byte), bytes.count) else {
                return nil
            }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    fileprivate var lastByte: UInt8? {
        self.getInteger(at: self.writerIndex - 1)
    }

    fileprivate var isBlank: Bool {
        self.readableBytesView.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }
}
