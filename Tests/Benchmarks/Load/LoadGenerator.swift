import CEpoll
import DequeModule
import Glibc
import Histogram
import NIOPosix

/// Sends requests to a service and times the replies: one thread, one epoll(7), requests written beforehand. How fast
/// it can be is what `calibrate` shows.
enum LoadGenerator {
    /// Threads for what blocks; they end with the process. Four are enough for two generators and a responder.
    static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    /// Carries out the plan on a thread of its own. It ends by itself, at the latest ten seconds after the plan's
    /// time; cancellation does not reach it.
    ///
    /// - Throws: ``LoadFailure`` when the service cannot be connected to, closes a connection, answers with an error,
    ///   or does not answer.
    static func run(_ plan: LoadPlan) async throws -> LoadResult {
        try await threads.runIfActive {
            var run = try LoadRun(plan)
            defer { run.close() }
            return try run.perform()
        }
    }
}

/// One run of the generator.
private struct LoadRun {
    private let plan: LoadPlan
    private var channels: [LoadChannel] = []
    private let epoll: Int32
    private let timer: Int32
    private var result = LoadResult()
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    /// Requests that were sent.
    private var sent = 0
    private var begin: UInt64 = 0
    private var end: UInt64 = 0
    private var last: UInt64 = 0

    /// The tag of the timer's events; the others are positions in `channels`.
    private static let timerTag = UInt32.max
    private static let replyTimeout: UInt64 = 10_000_000_000

    init(_ plan: LoadPlan) throws {
        self.plan = plan
        epoll = epoll_create1(0)
        timer = timerfd_create(CLOCK_MONOTONIC, 0)
        do {
            for index in 0..<plan.connections {
                let channel = LoadChannel(descriptor: try UnixSocket.connect(to: plan.socket))
                channels.append(channel)
                Epoll.add(channel.descriptor, tag: UInt32(index), to: epoll)
            }
        } catch {
            close()
            throw error
        }
    }

    func close() {
        for channel in channels { Glibc.close(channel.descriptor) }
        Glibc.close(timer)
        Glibc.close(epoll)
    }

    mutating func perform() throws -> LoadResult {
        let cpu = Clock.thread()
        begin = Clock.monotonic()
        last = begin
        end = begin + UInt64(plan.seconds * 1e9)
        switch plan.pace {
        case .inFlight(let count):
            for index in channels.indices { try send(count, on: index, at: Clock.monotonic()) }
        case .perSecond:
            Epoll.add(timer, tag: Self.timerTag, to: epoll)
            try sendWhatIsDue()
        }
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while !isOver {
            let count = epoll_wait(epoll, &events, Int32(events.count), 1000)
            for event in events.prefix(Int(max(0, count))) {
                if event.data.u32 == Self.timerTag {
                    try sendWhatIsDue()
                } else {
                    try receive(on: Int(event.data.u32))
                }
            }
            if Clock.monotonic() > end + Self.replyTimeout {
                throw LoadFailure(description: "\(sent - result.answered) of \(sent) requests were not answered")
            }
        }
        result.seconds = Double((hasSentAll ? last : min(last, end)) - begin) / 1e9
        result.generatorCPU = Double(Clock.thread() - cpu) / 1e9
        return result
    }

    private var hasSentAll: Bool { !plan.requests.repeats && sent == plan.requests.count }

    private var isOver: Bool {
        result.answered == sent && (hasSentAll || Clock.monotonic() >= end)
    }

    /// Sends up to `count` requests in one write; fewer when the time or the requests are over.
    private mutating func send(_ count: Int, on index: Int, at time: UInt64) throws {
        guard time < end else { return }
        for _ in 0..<count where !hasSentAll {
            channels[index].append(plan.requests, line: sent % plan.requests.count, at: time)
            sent += 1
        }
        try channels[index].flush(index, epoll)
    }

    /// Open loop: what should have been sent by now, and the timer for the next.
    private mutating func sendWhatIsDue() throws {
        guard case .perSecond(let rate) = plan.pace else { return }
        var due = begin + UInt64(Double(sent) / rate * 1e9)
        let now = Clock.monotonic()
        while due <= now, due < end, !hasSentAll {
            try send(1, on: sent % channels.count, at: due)
            due = begin + UInt64(Double(sent) / rate * 1e9)
        }
        // At the end once more, to see that it is over; then never. Setting it again clears its readiness.
        var time = itimerspec()
        if now < end, !hasSentAll { time.it_value = Clock.time(nanoseconds: min(due, end)) }
        timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &time, nil)
    }

    private mutating func receive(on index: Int) throws {
        try channels[index].flush(index, epoll)
        let channel = channels[index].descriptor
        let count = buffer.withUnsafeMutableBytes { recv(channel, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
        guard count != 0 else { throw LoadFailure(description: "the service closed a connection") }
        guard count > 0 else {
            if errno == EAGAIN || errno == EINTR { return }
            throw LoadFailure(description: "recv: \(String(cString: strerror(errno)))")
        }
        let now = Clock.monotonic()
        let replies = buffer.withUnsafeBytes {
            channels[index].scanner.scan(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
        if let failure = channels[index].scanner.firstFailure {
            throw LoadFailure(description: "not a result: \(failure)")
        }
        result.replyBytes += count
        result.answered += replies
        if now <= end {
            result.answeredInTime += replies
            last = now
        }
        for _ in 0..<replies {
            guard let sentAt = channels[index].sentAt.popFirst() else {
                throw LoadFailure(description: "more replies than requests")
            }
            result.latencies.record(now - sentAt)
        }
        if case .inFlight = plan.pace, replies > 0 { try send(replies, on: index, at: now) }
    }
}
