import JSONRPC
import Offers

/// What a failure of a call means for the master: the sentence, and what becomes of the screen.
enum Verdict: Equatable {
    /// This person is not a master.
    case notRegistered
    /// A sentence, and the list again.
    case thenList(String)
    /// A sentence, and the screen stays.
    case stay(String)
    /// A sentence that replaces the screen too, with a button to try again.
    case tryAgain(String)

    init(_ failure: CallFailure) {
        switch failure {
        case .refused(let error): self.init(error)
        case .outcomeUnknown: self = .outcomeUnknown
        case .unreachable: self = .restarting
        case .tooSlow: self = .timedOut
        case .unintelligible: self = .internalError
        }
    }

    /// For a person who is not a master.
    static let unregistered = "⚠️ Вы не зарегистрированы как мастер. Обратитесь в поддержку."

    private static let outcomeUnknown = Verdict.tryAgain(
        "❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно.")
    private static let restarting = Verdict.tryAgain("🔄 Сервис перезапускается. Повторите через несколько секунд.")
    /// What was not done in time, or not begun.
    static let notInTime = "⏳ Сервис не успел ответить. Ничего не изменилось, повторите."
    private static let timedOut = Verdict.tryAgain(notInTime)
    private static let internalError = Verdict.tryAgain(
        "⚠️ Внутренняя ошибка сервиса. Повторите или сообщите в поддержку.")

    private init(_ error: RPCError) {
        switch error.knownReason {
        case .masterNotFound: self = .notRegistered
        case .masterBlocked: self = .stay(Self.blocked(error.detail("blockedReason")))
        case .masterNotActive:
            self = .stay("⛔️ Ваша анкета не подтверждена или отключена. Обратитесь в поддержку.")
        case .limitReached: self = .stay(Self.limit(error.detail("active"), error.detail("limit")))
        case .offerNotFound: self = .thenList("⚠️ Заказ не найден")
        case .offerExpired: self = .thenList("⏰ Время истекло. Заказ ушёл другим мастерам.")
        case .offerDeclined: self = .thenList("❌ Вы уже отклонили этот заказ")
        case .offerCanceled: self = .thenList("⚠️ Предложение отозвано")
        case .orderTaken: self = .thenList("⚠️ Заказ уже занят другим мастером")
        case .orderNotAvailable: self = .thenList("⚠️ Заказ сейчас недоступен")
        case .alreadyYours: self = .thenList("✅ Вы уже приняли этот заказ")
        case .databaseUnavailable:
            self = .tryAgain("🔌 Сервис временно недоступен. Ничего не изменилось, повторите чуть позже.")
        case .overloaded: self = .tryAgain("⏳ Сервис перегружен. Ничего не изменилось, повторите чуть позже.")
        case .timedOut: self = Self.timedOut
        case .outcomeUnknown: self = Self.outcomeUnknown
        case .shuttingDown: self = Self.restarting
        case .forbidden, .lineTooLong, .parseError, .invalidRequest, .batchTooLong, .methodNotFound, .invalidParams,
            .internalError, nil:
            self = Self.internalError
        }
    }

    private static func limit(_ active: RPCError.Scalar?, _ limit: RPCError.Scalar?) -> String {
        var numbers = ""
        if case .integer(let active) = active, case .integer(let limit) = limit { numbers = " (\(active) из \(limit))" }
        return "Достигнут лимит активных заказов\(numbers). Завершите текущие, чтобы брать новые."
    }

    /// Toasts are plain text. Only the reason is cut, so that the last sentence always fits.
    private static func blocked(_ reason: RPCError.Scalar?) -> String {
        let start = "⛔️ Ваш аккаунт заблокирован.\n\n"
        guard case .string(let text) = reason, let text = Optional(text).nonBlank else {
            return start + "Обратитесь в поддержку для подробностей."
        }
        let end = "\n\nОбратитесь в поддержку для разблокировки."
        let room = Toast.limit - (start + "Причина: " + end).utf16.count
        return start + "Причина: " + Toast.cut(text, to: room) + end
    }
}

/// The short plain text that answers a tap (`answerCallbackQuery`, `text`).
enum Toast {
    /// UTF-16 units (Bot API: 0-200 characters).
    static let limit = 200

    /// The text, cut at the end of a whole character.
    static func cut(_ text: String, to limit: Int = limit) -> String {
        guard text.utf16.count > limit else { return text }
        var cut = ""
        for character in text {
            guard (cut + String(character)).utf16.count < limit else { break }
            cut.append(character)
        }
        return cut + "…"
    }
}
