import DequeModule
import Glibc
import NIOCore

/// One client: its lines come in, its methods run, its replies leave in order.
///
/// The actor's executor is the event loop of its channel, so that reading, running and answering take no lock and, as
/// long as a method does not suspend, no hop. Nothing outlives `run()`: a request is its child task or waited for by it.
/// The channel's events come from `ConnectionHandler`. (NIOAsyncChannel would do, but its iterator leaves the loop and
/// comes back for every chunk, which wakes two threads and costs more than all else that a request needs.)
actor Connection {
    /// What a connection is for.
    enum Role {
        /// Its requests are carried out.
        case served
        /// It is one too many: its first line is answered with OVERLOADED, waited for a limited time, then it closes.
        case refused
    }

    nonisolated let unownedExecutor: UnownedSerialExecutor
    /// Its task executor is what the task of `run()` must prefer.
    nonisolated let loop: ConnectionLoop
    private nonisolated let channel: any Channel
    private let peer: Peer
    nonisolated let role: Role
    private let methods: [String: Method]
    private let limits: Limits
    private let onRefusal: @Sendable (RPCError) -> Void

    /// What the channel has read and was not taken in.
    private var chunks: Deque<ByteBuffer> = []
    private var inputHasEnded = false
    /// The client was found to have closed both directions.
    private var isGone = false
    /// There is nothing more to be taken in, and will not be.
    private var hasReadAll = false
    /// There is something to be taken in, but no room.
    private var waitsForRoom = false
    private var decoder: LineDecoder
    /// What was read without its end is not completed: we ended the input, not the client.
    private var dropsRest = false
    /// `run()`, while it waits.
    private var runner: CheckedContinuation<Void, Never>?
    /// Requests that have started and want a task, in the order in which they did.
    private var taskless: Deque<TaskRequest> = []
    /// The channel has been asked to read and has not done it.
    private var readIsRequested = false

    private var sequencer = RequestSequencer<ByteBuffer>()
    /// Requests that were read and wait for their start.
    private var blocked: [RequestSequencer<ByteBuffer>.EntryID: Blocked] = [:]

    private var output: OutputProgress
    /// While requests are taken in, replies gather and leave with one flush at the end.
    private var isReading = false
    private var hasUnflushed = false
    private var flushIsScheduled = false
    private var stallCheckIsScheduled = false

    /// A connection over a channel that allows half-closure and does not read by itself.
    init(
        _ channel: any Channel, on loop: ConnectionLoop, peer: Peer, role: Role,
        methods: [String: Method], limits: Limits, onRefusal: @escaping @Sendable (RPCError) -> Void
    ) {
        self.channel = channel
        self.peer = peer
        self.role = role
        self.methods = methods
        self.limits = limits
        self.onRefusal = onRefusal
        // Unowned is sound: the channel, which we keep, keeps its loop.
        self.unownedExecutor = channel.eventLoop.executor.asUnownedSerialExecutor()
        self.loop = loop
        self.decoder = LineDecoder(maximumLine: limits.maximumLineBytes)
        self.output = OutputProgress(patience: limits.stalledOutput)
    }

    /// Serves the client until it has ended its output, everything is answered and it has taken the answers; or until
    /// it is gone and its running requests have ended. Cancellation closes the connection and cancels its requests.
    func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                if role == .refused {
                    channel.eventLoop.scheduleTask(in: limits.overLimitWait) { [channel] in channel.close(promise: nil)
                    }
                }
                readOn()
                while let request = await nextTaskRequest() {
                    group.addImmediateTask { await self.perform(request) }
                }
            }
            // All replies are written. An empty write completes when the kernel has taken them, or the channel closes.
            await completion(of: channel.writeAndFlush(ByteBuffer()))
            channel.close(promise: nil)
            await completion(of: channel.closeFuture)
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func completion(of future: EventLoopFuture<Void>) async {
        await withCheckedContinuation { continuation in
            future.whenComplete { _ in continuation.resume() }
        }
    }

    /// `drain()` from outside the event loop.
    nonisolated func drainSoon() {
        channel.eventLoop.execute { self.onLoop { $0.drain() } }
    }

    /// Begins the end: what has arrived is still read and answered, then the connection closes.
    func drain() {
        dropsRest = true
        // After SHUT_RD the kernel hands over what had arrived and then end of file (unix(7)), which takes the way of
        // a client's half-close. NIO's own close(mode: .input) would discard what it has not read yet.
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
            _ = shutdown(socket, Int32(SHUT_RD))
        }
    }
}

// MARK: - Input

extension Connection {
    /// The channel has read a chunk.
    func received(_ chunk: ByteBuffer) {
        readIsRequested = false
        chunks.append(chunk)
    }

    /// The channel has read what there is for now.
    func readCompleted() { readOn() }

    /// The client has ended its output, or the channel is closed.
    func inputEnded() {
        inputHasEnded = true
        readOn()
    }

    /// The client takes its output again, or does no longer.
    func writabilityChanged() { readOn() }

    /// Takes in what the channel has read, as long as there is room, and has it read more when that is all. Back-pressure:
    /// without room the client's socket is not read.
    ///
    /// It is a call and no task: a task that waits for each chunk costs a thirtieth of our instructions for a list.
    private func readOn() {
        guard !isReading, !hasReadAll else { return }
        isReading = true
        waitsForRoom = false
        while !waitsForRoom, !hasReadAll {
            if hasNoRoom {
                waitsForRoom = true
            } else if let frame = nextFrame() {
                accept(frame)
                hasReadAll = role == .refused
            } else if inputHasEnded {
                hasReadAll = true
            } else {
                break
            }
        }
        isReading = false
        if hasUnflushed { flush() }
        if hasReadAll { wakeRunner() } else if !waitsForRoom { requestRead() }
    }

    private func nextFrame() -> Frame? {
        while true {
            if let frame = decoder.next() { return frame }
            guard let chunk = chunks.popFirst() else { break }
            decoder.append(chunk)
        }
        return inputHasEnded && !dropsRest ? decoder.finish() : nil
    }

    private func requestRead() {
        guard !readIsRequested else { return }
        readIsRequested = true
        channel.read()
    }

    /// Nil when all that was read has been answered, and there will be no more.
    private func nextTaskRequest() async -> TaskRequest? {
        while taskless.isEmpty, !isDone {
            await withCheckedContinuation { continuation in
                // Asked again, because a task may be suspended between a question and this closure.
                if taskless.isEmpty, !isDone { runner = continuation } else { continuation.resume() }
            }
        }
        return taskless.popFirst()
    }

    private var isDone: Bool { hasReadAll && sequencer.outstanding == 0 }

    /// There may be what `run()` waits for.
    private func wakeRunner() {
        guard runner != nil, !taskless.isEmpty || isDone else { return }
        runner.take()?.resume()
    }

    /// A client that is gone has all the room: what was read of it is carried out.
    private var hasNoRoom: Bool {
        sequencer.outstanding >= limits.readAhead || !channel.isWritable && channel.isActive
    }
}

// MARK: - Requests

extension Connection {
    private typealias Arrival = RequestSequencer<ByteBuffer>.Arrival

    /// A request that has a method and may call it.
    private struct Job: Sendable {
        let method: Method
        let call: Call
    }

    /// A request whose method runs in a task.
    private struct TaskRequest: Sendable {
        let entry: RequestSequencer<ByteBuffer>.EntryID
        let call: Call
        let run: @Sendable (Call) async throws(RPCError) -> any JSONEncodable
    }

    /// A request that must not start yet.
    private enum Blocked {
        case task(TaskRequest)
        case start(@Sendable (Call) -> Void, Call)
    }

    private func accept(_ frame: Frame) {
        switch frame {
        case .tooLong:
            sequencer.append(refused(.null, .lineTooLong(limit: limits.maximumLineBytes)))
            advance()
        case .line(let bytes):
            switch Message(line: bytes, maximumBatch: limits.maximumBatch) {
            case .single(let entry):
                let id = sequencer.nextEntry
                let (arrival, job) = prepare(entry, id)
                sequencer.append(arrival)
                advance()
                if let job { start(id, job) }
            case .batch(let entries):
                let first = sequencer.nextEntry
                let prepared = entries.enumerated().map { prepare($1, first + $0) }
                sequencer.append(batch: prepared.map(\.arrival))
                advance()
                for (offset, entry) in prepared.enumerated() {
                    if let job = entry.job { start(first + offset, job) }
                }
            }
        }
    }

    private func prepare(_ entry: Entry, _ id: Int) -> (arrival: Arrival, job: Job?) {
        switch entry {
        case .invalid(let id, let error):
            return (refused(id, error), nil)
        case .request(let request):
            guard role == .served else {
                return (refused(request.id, .overloaded(retryAfterMilliseconds: 1000)), nil)
            }
            guard let method = methods[request.method] else {
                return (refused(request.id, .methodNotFound), nil)
            }
            guard method.allowed(peer) else {
                return (refused(request.id, .forbidden), nil)
            }
            let turn = Turn()
            let origin = Call.Origin(connection: self, entry: id)
            let call = Call(request: request, peer: peer, turn: turn, origin: origin)
            return (.work(method.effect, turn), Job(method: method, call: call))
        }
    }

    /// An error of the server itself; nil for the id of a notification, which gets none.
    private func refused(_ id: RequestID?, _ error: RPCError) -> Arrival {
        onRefusal(error)
        return .answered(id.map { failure($0, error) })
    }

    private func start(_ id: Int, _ job: Job) {
        let waiting: Blocked =
            switch job.method.work {
            case .runs(let run): .task(TaskRequest(entry: id, call: job.call, run: run))
            case .starts(let start): .start(start, job.call)
            }
        if sequencer.hasStarted(id) { begin(waiting) } else { blocked[id] = waiting }
    }

    private func begin(_ request: Blocked) {
        switch request {
        case .start(let start, let call):
            // What only reads, for a client that is gone, would have others wait for nothing.
            if findsClientGone() { call.drop() } else { start(call) }
        case .task(let request):
            // From `run()`, because only that may add to the group.
            taskless.append(request)
            wakeRunner()
        }
    }

    /// Whether the client has closed both directions of its connection: poll(2) tells that by POLLHUP, which a half-close is
    /// not. The kernel is asked where that is likely: at a connection's first request, and behind the end of its input.
    private func findsClientGone() -> Bool {
        guard !isGone, channel.isActive else { return true }
        guard inputHasEnded || sequencer.nextEntry <= 1 else { return false }
        let isHungUp = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket in
            var entry = pollfd(fd: socket, events: 0, revents: 0)
            return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP) != 0
        }
        isGone = isHungUp == true
        return isGone
    }

    private func perform(_ request: TaskRequest) async {
        let (id, call) = (request.entry, request.call)
        let reply: ByteBuffer?
        do throws(RPCError) {
            let result = try await request.run(call)
            reply = call.request.id.map { ReplyLine.success($0, result, channel.allocator) }
        } catch {
            reply = call.request.id.map { failure($0, error) }
        }
        finish(id, reply)
    }

    /// An entry has ended; `reply` is nil for a notification.
    func finish(_ id: RequestSequencer<ByteBuffer>.EntryID, _ reply: ByteBuffer?) {
        sequencer.finish(id, reply)
        advance()
    }

    private func failure(_ id: RequestID, _ error: RPCError) -> ByteBuffer {
        ReplyLine.failure(id, error, channel.allocator)
    }

    /// Does what the sequencer says after a change.
    private func advance() {
        while let id = sequencer.nextStart() {
            if !blocked.isEmpty, let request = blocked.removeValue(forKey: id) { begin(request) }
        }
        while let turn = sequencer.nextTurn() {
            turn.begin(at: .now())
        }
        while let line = sequencer.nextLine() {
            switch line {
            case .single(let reply): write(reply)
            case .batch(let replies): write(ReplyLine.batch(replies, channel.allocator))
            }
        }
        if waitsForRoom { readOn() }
        wakeRunner()
    }
}

// MARK: - Output

extension Connection {
    private func write(_ line: ByteBuffer) {
        output.wrote(line.readableBytes)
        hasUnflushed = true
        channel.write(line, promise: nil)
        if !isReading, !flushIsScheduled {
            // At the end of the loop's queue, so that replies that become ready in one turn of the loop, as those of
            // a database pipeline do, leave with one system call.
            flushIsScheduled = true
            channel.eventLoop.execute { self.onLoop { $0.flush() } }
        }
    }

    private func flush() {
        flushIsScheduled = false
        hasUnflushed = false
        channel.flush()
        watchOutput()
    }

    /// Closes the connection when its client takes nothing of what waits for it for too long.
    private func watchOutput() {
        guard !stallCheckIsScheduled, let unsent = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
        else { return }
        switch output.check(unsent: unsent, now: .now()) {
        case .nothingToWatch:
            break
        case .checkAgain(let delay):
            stallCheckIsScheduled = true
            channel.eventLoop.scheduleTask(in: delay) {
                self.onLoop {
                    $0.stallCheckIsScheduled = false
                    $0.watchOutput()
                }
            }
        case .stalled:
            dropsRest = true
            channel.close(promise: nil)
        }
    }
}
