/// The screens that say why there is nothing else to see.
extension Screen {
    /// A sentence that would have been a toast above an unchanged screen, when the toast could not be shown.
    static func notice(_ sentence: String, page: Int) -> Screen {
        Screen(
            text: FormattedText(value: sentence, atMost: 300, keepingLines: true),
            buttons: [[.back(toPage: page), .menu]])
    }

    /// Something did not work that may work if the same button is pressed again.
    static func failure(_ sentence: String, retry data: String) -> Screen {
        Screen(
            text: FormattedText(value: sentence, atMost: 300, keepingLines: true),
            buttons: [[Button(title: "🔄 Повторить", data: data)], [.menu]])
    }

    /// There is no master with the Telegram user id of this person.
    static let notRegistered = Screen(
        text: FormattedText(Verdict.unregistered), buttons: [[.refresh(page: 1)], [.menu]])
}
