/// A small generator (SplitMix64, Steele and others 2014): the same seed makes the same choices in the same order.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// The generator of one of many participants of a run.
    init(seed: UInt64, participant: Int = 0) {
        state = seed &* 0xD134_2543_DE82_EF95 &+ UInt64(participant) &* 0x2545_F491_4F6C_DD1D
        for _ in 0..<4 { _ = next() }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}
