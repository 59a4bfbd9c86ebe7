import Testing

@testable import offersd_benchmark

@Suite("What rounds come to")
struct ReportTests {
    private func sample(_ subject: String, _ round: Int, _ values: [Quantity: Double]) -> Sample {
        Sample(mode: "list", setting: "8 clients", subject: subject, round: round, values: values)
    }

    @Test func medianAndPercentileAreThoseOfTheSortedValues() {
        #expect([3.0, 1, 2].median() == 2)
        #expect([4.0, 1, 3, 2].median() == 2.5)
        #expect([Double]().median() == nil)
        let hundred = (1...100).reversed().map(Double.init)
        #expect(hundred.percentile(50) == 50)
        #expect(hundred.percentile(99) == 99)
        #expect(hundred.percentile(100) == 100)
        #expect([3.0, 1, 2].percentile(50) == 2)
        #expect([7.0].percentile(1) == 7)
        #expect([Double]().percentile(50) == nil)
    }

    /// The machine slows down from round to round: each round's ratio is 2, while the medians alone would say 1.5.
    @Test func aRatioIsTakenRoundByRound() throws {
        var report = Report(circumstances: [:])
        report.add([
            sample("pgbench", 0, [.perSecond: 100]), sample("offersd", 0, [.perSecond: 200]),
            sample("pgbench", 1, [.perSecond: 50]), sample("offersd", 1, [.perSecond: 100]),
            sample("offersd", 2, [.perSecond: 20, .cpu: 9]),
        ])
        #expect(report.rows.map(\.subject) == ["pgbench", "offersd"])
        let row = try #require(report.rows.last)
        #expect(row.rounds == 3)
        #expect(row.medians == [.perSecond: 100, .cpu: 9])
        #expect(row.ratios == [.perSecond: 2])
        #expect(report.rows[0].ratios.isEmpty)
    }

    /// In the mode `list` offersd has four times as many requests under way as pgbench.
    @Test(arguments: [
        ("list", "pgbench", false), ("list", "offersd", true), ("latency", "pgbench", true),
        ("scale", "offersd", false),
    ])
    func latenciesAreComparedAtTheSameLoadOnly(mode: String, reference: String, isCompared: Bool) throws {
        var report = Report(circumstances: [:])
        report.add(
            [reference, "other"].map {
                Sample(mode: mode, setting: "8 clients", subject: $0, round: 0, values: [.perSecond: 1, .p50: 2])
            })
        #expect(try #require(report.rows.last).ratios == (isCompared ? [.perSecond: 1, .p50: 1] : [.perSecond: 1]))
    }

    @Test func aTableHasTheColumnsOfItsMode() {
        var report = Report(circumstances: [:])
        report.add([sample("pgbench", 0, [.perSecond: 12_000, .p50: 600]), sample("offersd", 0, [.perSecond: 15_000])])
        #expect(
            report.table == """
                | list      |         | per s |    × | p50 µs |
                | --------- | ------- | ----: | ---: | -----: |
                | 8 clients | pgbench | 12000 |      |    600 |
                | 8 clients | offersd | 15000 | 1.25 |        |

                """)
    }

    @Test(arguments: [
        (1234.5, 0, "1235"), (0.049, 1, "0.0"), (0.05, 2, "0.05"), (9.996, 2, "10.00"), (-1.5, 1, "-1.5"),
        (-0.01, 1, "0.0"),
    ])
    func numbersAreRounded(value: Double, digits: Int, text: String) {
        #expect(Decimals.text(value, digits: digits) == text)
    }

    @Test func anAxisReachesFromBelowAllValuesToAboveThem() throws {
        for values in [[0.08, 4.2, 76], [13_000.0, 17_499], [1], [0.3, 0.9]] {
            for isLogarithmic in [false, true] {
                let scale = Scale(values: values, isLogarithmic: isLogarithmic)
                #expect(scale.marks == scale.marks.sorted())
                #expect((2...8).contains(scale.marks.count))
                for value in values { #expect((0...1).contains(scale.share(of: value)), "\(value) in \(scale.marks)") }
            }
        }
    }

    @Test func theChartHasALineForEverySubjectAndQuantity() {
        var report = Report(circumstances: [:])
        report.add(
            ["1 × 4", "8 × 4"].flatMap { setting in
                ["pgbench", "offersd"].map { subject in
                    Sample(
                        mode: "connections", setting: setting, subject: subject, round: 0,
                        values: [.perSecond: 10_000, .p50: 300, .p99: 900])
                }
            })
        let svg = Chart(report).svg
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        for name in ["pgbench", "offersd", "offersd, p50", "offersd, p99"] {
            #expect(svg.contains(">\(name)</text>"))
        }
        #expect(svg.split(separator: "<circle").count == 1 + 2 * 6)
    }
}
