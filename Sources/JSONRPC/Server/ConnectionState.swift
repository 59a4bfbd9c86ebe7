import Deadlines
import DequeModule
import NIOCore

/// One client as a value without I/O: the lines that it sends, the order of its requests, the room for more of them,
/// and whether it takes its replies.
///
/// `ConnectionHandler` tells it what the channel sees and what has finished, and does what `nextAction` says.
struct ConnectionState {
    typealias EntryID = RequestSequencer<ReadyRequest, ByteBuffer>.EntryID

    /// What a connection is for.
    enum Role {
        /// Its requests are carried out.
        case served
        /// It is one too many: its first line is answered with OVERLOADED, waited for a limited time, then it closes.
        case refused
    }

    /// A request that may call its method.
    struct ReadyRequest {
        let method: Method
        let request: Request
        let deadlineStart: DeadlineStart
    }

    /// What is to be done next.
    enum Action {
        /// The time of a request runs from now on.
        case startDeadline(DeadlineStart)
        /// Call the method; `finish` is told how it ended. A write begins a run.
        case start(EntryID, ReadyRequest)
        /// Have a write join the run that is under way; if that takes no more, `didNotJoin` is told.
        case join(EntryID, ReadyRequest)
        /// Count an error that the connection gives by itself.
        case count(RPCError)
        /// Send a line. It is flushed when there is nothing else to do.
        case send(ByteBuffer)
        /// Read what the client sends.
        case receive
        /// Everything is read and answered: close when the client has taken the replies.
        case close
    }

    let role: Role
    private let peer: Peer
    private let methods: [String: Method]
    private let limits: Limits

    private var decoder: LineDecoder
    private var sequencer = RequestSequencer<ReadyRequest, ByteBuffer>()
    private var refusals: Deque<RPCError> = []
    private var stall: StallDetector

    private(set) var inputHasEnded = false
    private var isActive = true
    private var isWritable = true
    /// The channel has been asked to read and has not done it.
    private var readIsRequested = false
    /// There is nothing more to be taken in, and will not be.
    private var hasReadAll = false
    /// What was read without its end is not completed: the server ended the input, not the client.
    private var dropsRest = false
    private var hasClosed = false

    init(peer: Peer, role: Role, methods: [String: Method], limits: Limits) {
        self.peer = peer
        self.role = role
        self.methods = methods
        self.limits = limits
        decoder = LineDecoder(maximumLine: limits.maximumLineBytes)
        stall = StallDetector(timeout: TimeAmount(limits.stalledOutput))
    }

    /// Whether all that was read has been answered, and there will be no more.
    var isDone: Bool { hasReadAll && sequencer.outstanding == 0 }
}

// MARK: - Events

extension ConnectionState {
    /// The channel has read a chunk. It is taken in by `nextAction`.
    mutating func received(_ chunk: ByteBuffer) {
        readIsRequested = false
        decoder.append(chunk)
    }

    /// The client has ended its output.
    mutating func inputEnded() { inputHasEnded = true }

    /// The channel is closed. What was read is carried out.
    mutating func becameInactive() {
        inputHasEnded = true
        isActive = false
    }

    /// Whether the client takes its output; if not, its socket is not read.
    mutating func writabilityChanged(to isWritable: Bool) { self.isWritable = isWritable }

    /// The server ends the input: what has arrived is still read and answered, but for a line without its end.
    mutating func drain() { dropsRest = true }

    /// The run takes no more: this call waits for its end.
    mutating func didNotJoin(_ id: EntryID, _ request: ReadyRequest) { sequencer.didNotJoin(id, request) }

    /// An entry has ended; `reply` is nil for a notification.
    mutating func finish(_ id: EntryID, _ reply: ByteBuffer?) { sequencer.finish(id, reply) }

    /// Judges the output by the bytes that are unsent `now`, at least one. Returns after what time to ask again; nil
    /// for a client that takes nothing for too long: its connection is to be closed.
    mutating func checkOutput(unsent: Int, now: NIODeadline) -> TimeAmount? {
        let delay = stall.check(unsent: unsent, now: now)
        if delay == nil { dropsRest = true }
        return delay
    }
}

// MARK: - Actions

extension ConnectionState {
    /// The next thing to do; nil until the next event.
    mutating func nextAction() -> Action? {
        while true {
            if let error = refusals.popFirst() { return .count(error) }
            if let deadlineStart = sequencer.nextDeadlineStart() { return .startDeadline(deadlineStart) }
            if let (id, request, joins) = sequencer.nextStart() {
                return joins ? .join(id, request) : .start(id, request)
            }
            if let line = sequencer.nextLine() { return .send(bytes(of: line)) }
            guard takeLine() else { break }
        }
        if isDone, !hasClosed {
            hasClosed = true
            return .close
        }
        if !hasReadAll, !inputHasEnded, hasRoom, !readIsRequested {
            readIsRequested = true
            return .receive
        }
        return nil
    }

    /// Back-pressure: without room the client's socket is not read. A client that is gone has all the room.
    private var hasRoom: Bool { sequencer.outstanding < limits.readAhead && (isWritable || !isActive) }

    /// Takes the next line in, if there is one and room for it.
    private mutating func takeLine() -> Bool {
        guard !hasReadAll, hasRoom else { return false }
        guard let frame = inputHasEnded && !dropsRest ? decoder.finish() : decoder.next() else {
            hasReadAll = inputHasEnded
            return false
        }
        switch frame {
        case .tooLong:
            sequencer.append(answerAtOnce(.null, .lineTooLong(limit: limits.maximumLineBytes)))
        case .line(let bytes):
            switch Message(line: bytes, maximumBatch: limits.maximumBatch) {
            case .single(let item): sequencer.append(admit(item))
            case .batch(let items): sequencer.append(batch: items.map { admit($0) })
            }
        }
        hasReadAll = role == .refused
        return true
    }

    /// Finds the method of a request, which the peer must be allowed to call.
    private mutating func admit(_ item: Message.Item) -> RequestSequencer<ReadyRequest, ByteBuffer>.NewEntry {
        switch item {
        case .invalid(let id, let error):
            return answerAtOnce(id, error)
        case .request(let request):
            guard role == .served else { return answerAtOnce(request.id, .overloaded(retryAfterMilliseconds: 1000)) }
            guard let method = methods[request.method] else { return answerAtOnce(request.id, .methodNotFound) }
            guard method.allowed(peer) else { return answerAtOnce(request.id, .forbidden) }
            let deadlineStart = DeadlineStart()
            return .work(
                method.effect == .read ? .read : .write(method.name), deadlineStart,
                ReadyRequest(method: method, request: request, deadlineStart: deadlineStart))
        }
    }

    /// An error of the connection itself; nil for the id of a notification, which gets none.
    private mutating func answerAtOnce(
        _ id: RequestID?, _ error: RPCError
    ) -> RequestSequencer<ReadyRequest, ByteBuffer>.NewEntry {
        refusals.append(error)
        return .answered(id.map { ReplyLine.failure($0, error) })
    }

    private mutating func bytes(of line: RequestSequencer<ReadyRequest, ByteBuffer>.Line) -> ByteBuffer {
        let bytes =
            switch line {
            case .single(let reply): reply
            case .batch(let replies): ReplyLine.batch(replies)
            }
        stall.wrote(bytes.readableBytes)
        return bytes
    }
}
