import EmbeddedPostgres

extension Bench {
    /// What one request costs service and Postgres, so that one can calculate with it. At a steady rate nothing waits,
    /// so nothing is shared either: that is what a small company's request costs. At the highest rate requests share
    /// round trips and transactions.
    func capacity() async throws -> [Sample] {
        let steady = LoadPlan.Pace.perSecond(Double(acceptRate))
        var samples: [Sample] = []
        for (setting, pace) in [("\(acceptRate) a second", steady), ("8 × 4", .inFlight(Self.inFlight))] {
            samples += try await inTurns(.capacity, "list, \(setting)", builds) { build in
                try await withOffersd(build) { offersd in
                    [(build.name, try await cost(offersd, plan(offersd, pace: pace)))]
                }
            }
            samples += try await inTurns(.capacity, "accept, \(setting)", builds) { build in
                try await withOffersd(build) { offersd in
                    let values = try await cost(offersd, plan(offersd, pace: pace, requests: accepts))
                    try await server.sql(Seed.takeBack)
                    return [(build.name, values)]
                }
            }
        }
        return samples
    }

    /// Carries out a plan, and says what each of its requests cost.
    private func cost(_ offersd: Offersd, _ plan: LoadPlan) async throws -> [Quantity: Double] {
        let postgres = PostgresFigures(folder: server.folder)
        let (before, cpu) = (try await counters(), try postgres.cpuNanoseconds())
        let (result, figures) = try await figures(offersd, plan)
        let (after, cpuAfter) = (try await counters(), try postgres.cpuNanoseconds())
        let count = Double(max(1, result.answered))
        var values = figures
        values[.databaseCPU] = (cpuAfter - cpu) / 1000 / count
        values[.replyBytes] = Double(result.replyBytes) / count
        values[.walBytes] = (after.wal - before.wal) / count
        values[.transactions] = (after.transactions - before.transactions) / count
        return values
    }

    /// Bytes of WAL, and committed transactions of the database. An idle session tells the last of its own after 10 s
    /// (`PGSTAT_IDLE_INTERVAL` in Postgres's pgstat.c).
    private func counters() async throws -> (wal: Double, transactions: Double) {
        try await Task.sleep(for: .milliseconds(10_500))
        let row =
            try await server.sql(
                """
                SELECT pg_current_wal_lsn() - '0/0', xact_commit FROM pg_stat_database
                WHERE datname = current_database()
                """
            ).first?.split(separator: "|").map(String.init) ?? []
        guard row.count == 2, let wal = Double(row[0]), let transactions = Double(row[1]) else {
            throw LoadFailure(description: "Postgres has no counters: \(row)")
        }
        return (wal, transactions)
    }
}
