import Fuzzing
import SeededRandom

extension SeededGenerator {
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
