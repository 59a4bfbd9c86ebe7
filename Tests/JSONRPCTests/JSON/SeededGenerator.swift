/// A small generator (SplitMix64, Steele and others 2014), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// An accepted text with one to three changes.
    mutating func mutation() -> [UInt8] {
        var text = Array(acceptedTexts.randomElement(using: &self)!.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &self) {
            let place = Int.random(in: 0...text.count, using: &self)
            let end = Int.random(in: place...min(place + 4, text.count), using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: text.removeSubrange(place..<end)
            case 1: text.insert(contentsOf: text[place..<end], at: place)
            case 2: text.insert(Array("{}[]:,\"\\ \n-+.0123eEutrnx/".utf8).randomElement(using: &self)!, at: place)
            case 3: text.insert(.random(in: .min ... .max, using: &self), at: place)
            default: text.insert(contentsOf: acceptedTexts.randomElement(using: &self)!.utf8, at: place)
            }
        }
        return text
    }
}
