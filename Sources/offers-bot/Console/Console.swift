import ServiceLifecycle

/// The bot in a terminal: the same adapter, buttons by number.
struct Console: Service {
    let adapter: Adapter
    /// `masters.tg_user_id` of the master to be.
    let user: Int64
    /// Whether offersd can be asked, and if not, what to say.
    let trouble: @Sendable () async -> String?

    /// Runs until the end of the input, `q`, or the graceful shutdown of its group.
    func run() async throws {
        let terminal = Terminal()
        try terminal.print(Columns.wrap(Dialogue.introduction))
        // A signal ends it even in the middle of a call: the same tap may be given again.
        try await cancelWhenGracefulShutdown {
            do {
                try await talk(through: terminal)
            } catch is CancellationError {}
        }
    }

    private func talk(through terminal: Terminal) async throws {
        if let trouble = await trouble() { try terminal.print(Columns.wrap(trouble)) }
        var dialogue = Dialogue()
        try terminal.print(dialogue.show(.greeting))
        try terminal.prompt()
        for await line in terminal.lines {
            try terminal.echo(line)
            switch dialogue.read(line) {
            case .quit: return
            case .nothing: break
            case .wrong(let sentence): try terminal.print([sentence])
            case .copy(let text): try terminal.print(Columns.wrap(text))
            case .start: try terminal.print(dialogue.show(.greeting))
            case .tap(let tap):
                let response = try await respond(to: tap, terminal)
                if let toast = response.toast { try terminal.print(Dialogue.toast(toast)) }
                if let screen = response.screen { try terminal.print(dialogue.show(screen)) }
            }
            try terminal.prompt()
        }
        try terminal.echo(nil)
    }

    /// Says that it takes long, as the bot does.
    private func respond(to tap: Tap, _ terminal: Terminal) async throws -> Response {
        try await withThrowingTaskGroup(of: Response?.self) { group in
            group.addTask { try await adapter.respond(to: tap, from: user) }
            group.addTask {
                try await Task.sleep(for: .milliseconds(1500))
                try terminal.print(Dialogue.toast("⏳ Ещё работаем, результат появится на экране"))
                return nil
            }
            defer { group.cancelAll() }
            while let response = try await group.next() {
                if let response { return response }
            }
            throw CancellationError()
        }
    }
}
