import Glibc

/// Throughput and latency by connections, as SVG that reads on a white and on a dark page.
struct Chart {
    /// One line of a panel: a name, a colour, and points with the number of connections and a value.
    struct Line {
        let name: String
        let colour: String
        let isDashed: Bool
        let points: [(connections: Double, value: Double)]
    }

    private let throughput: [Line]
    private let latency: [Line]

    /// From the mode `connections`, whose settings begin with the number.
    init(_ report: Report) {
        let rows = report.rows.filter { $0.mode == Mode.connections.rawValue }
        var subjects: [String] = []
        for row in rows where !subjects.contains(row.subject) { subjects.append(row.subject) }
        func line(_ subject: Int, _ quantity: Quantity, _ label: String, isDashed: Bool) -> Line {
            let points = rows.filter { $0.subject == subjects[subject] }.compactMap { row -> (Double, Double)? in
                guard let connections = row.setting.split(separator: " ").first.flatMap({ Double($0) }),
                    let value = row.medians[quantity]
                else { return nil }
                return (connections, value)
            }
            return Line(
                name: subjects[subject] + label, colour: ["#8c8c8c", "#d9480f", "#1971c2"][subject % 3],
                isDashed: isDashed, points: points)
        }
        throughput = subjects.indices.map { line($0, .perSecond, "", isDashed: false) }
        latency = subjects.indices.flatMap { subject in
            [line(subject, .p50, ", p50", isDashed: false), line(subject, .p99, ", p99", isDashed: true)]
        }
    }

    private static let size = (width: 380.0, height: 240.0)

    /// The file.
    var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 364" font-family="sans-serif" font-size="12" fill="#868e96">
        \(Self.panel("Lists per second", throughput, isLogarithmic: false, x: 60))\
        \(Self.panel("Latency of a list, ms", latency.map(Self.inMilliseconds), isLogarithmic: true, x: 520))</svg>

        """
    }

    private static func inMilliseconds(_ line: Line) -> Line {
        Line(
            name: line.name, colour: line.colour, isDashed: line.isDashed,
            points: line.points.map { ($0.connections, $0.value / 1000) })
    }

    /// A panel whose axes are at `x` and 40 below the top; connections from 1 to 1000, by powers of ten.
    private static func panel(_ title: String, _ lines: [Line], isLogarithmic: Bool, x left: Double) -> String {
        let top = 40.0
        let scale = Scale(values: lines.flatMap { $0.points.map(\.value) }, isLogarithmic: isLogarithmic)
        func x(_ connections: Double) -> String {
            Decimals.text(left + Scale.logarithm(connections) / 3 * size.width, digits: 1)
        }
        func y(_ value: Double) -> String {
            Decimals.text(top + (1 - scale.share(of: value)) * size.height, digits: 1)
        }
        var text = "<text x=\"\(left)\" y=\"22\" font-size=\"14\">\(title)</text>\n"
        for mark in scale.marks {
            text += """
                <path d="M\(left) \(y(mark))h\(size.width)" stroke="#868e96" stroke-opacity=".3"/>\
                <text x="\(left - 6)" y="\(y(mark))" dy="4" text-anchor="end">\(Scale.label(mark))</text>

                """
        }
        for connections in [1.0, 8, 100, 1000] {
            text += "<text x=\"\(x(connections))\" y=\"298\" text-anchor=\"middle\">\(Int(connections))</text>\n"
        }
        text +=
            "<text x=\"\(left + size.width)\" y=\"316\" text-anchor=\"end\">connections, one request under way on each</text>\n"
        for (index, line) in lines.enumerated() where !line.points.isEmpty {
            let path = line.points.map { "\(x($0.connections)) \(y($0.value))" }.joined(separator: "L")
            let dashes = line.isDashed ? " stroke-dasharray=\"5 4\"" : ""
            text += "<path d=\"M\(path)\" fill=\"none\" stroke=\"\(line.colour)\" stroke-width=\"2\"\(dashes)/>\n"
            for point in line.points {
                text +=
                    "<circle cx=\"\(x(point.connections))\" cy=\"\(y(point.value))\" r=\"3\" fill=\"\(line.colour)\"/>\n"
            }
            text += legend(line, x: left + Double(index % 2) * size.width / 2, y: 336 + Double(index / 2) * 16)
        }
        return text
    }

    /// A sample of a line and its name. Two stand beside each other below a panel.
    private static func legend(_ line: Line, x: Double, y: Double) -> String {
        let dashes = line.isDashed ? " stroke-dasharray=\"5 4\"" : ""
        return """
            <path d="M\(x) \(y)h24" stroke="\(line.colour)" stroke-width="2"\(dashes)/>\
            <text x="\(x + 30)" y="\(y)" dy="4" fill="\(line.colour)">\(line.name)</text>

            """
    }
}

/// Where values stand on an axis.
struct Scale {
    /// The values that have a line and a number.
    let marks: [Double]
    private let isLogarithmic: Bool

    /// From 0 to a round number above all values; by powers of ten when it is logarithmic.
    init(values: [Double], isLogarithmic: Bool) {
        self.isLogarithmic = isLogarithmic
        let largest = max(values.max() ?? 1, 1e-6)
        var power = 1e-6
        while power * 10 <= largest { power *= 10 }
        if isLogarithmic {
            let smallest = values.filter { $0 > 0 }.min() ?? largest
            var marks = [power * 10]
            while let low = marks.last, low > smallest { marks.append(low / 10) }
            self.marks = marks.reversed()
        } else {
            let step = [power / 5, power / 2, power, power * 2].first { $0 * 6 >= largest } ?? power * 2
            marks = (0...Int((largest / step).rounded(.up))).map { Double($0) * step }
        }
    }

    /// 0 at the first mark, 1 at the last.
    func share(of value: Double) -> Double {
        guard let low = marks.first, let high = marks.last, high > low else { return 0 }
        return isLogarithmic
            ? Self.logarithm(value / low) / Self.logarithm(high / low) : (value - low) / (high - low)
    }

    static func label(_ value: Double) -> String {
        value >= 1 || value == 0 ? Decimals.text(value, digits: 0) : Decimals.text(value, digits: value >= 0.1 ? 1 : 2)
    }

    /// To the base 10.
    static func logarithm(_ value: Double) -> Double {
        log10(value)
    }
}
