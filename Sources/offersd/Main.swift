import StandardOutput

@main
enum Main {
    static func main() async {
        Signals.ignoreHarmless()
        await Offersd.runProgram()
    }
}
