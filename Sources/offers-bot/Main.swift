import ArgumentParser
import AsyncHTTPClient
import Logging
import ServiceLifecycle

@main
enum Main { static func main() async {} }
