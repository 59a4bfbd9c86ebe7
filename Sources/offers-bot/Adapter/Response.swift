/// What a tap leads to.
struct Response: Hashable, Sendable {
    /// The text of the toast; nil for a tap that is answered without one.
    var toast: String?
    /// Whether the toast stays until it is closed (Bot API, `show_alert`).
    var isAlert = false
    /// What the message shows now; nil if it stays as it is.
    var screen: Screen?
    /// What to show instead of `screen` when the toast could not be shown: the same with the toast's sentence in it.
    var screenWithoutToast: Screen?

    /// What became of the call, for the log.
    var outcome = "ok"

    /// A screen that says everything by itself, with or without a toast.
    init(toast: String? = nil, _ screen: Screen) {
        self.toast = toast.map { Toast.cut($0) }
        self.screen = screen
        screenWithoutToast = screen
    }

    /// A toast about a screen that is not about it.
    init(toast: String, above screen: Screen) {
        self.toast = Toast.cut(toast)
        self.screen = screen
        screenWithoutToast = screen.headed(by: toast)
    }

    /// A toast above a screen that stays, even if the toast cannot be shown.
    init(toast: String) {
        self.toast = Toast.cut(toast)
    }

    /// A toast above a screen that stays; `page` of the list is the way on when there is no toast.
    init(toast: String, page: Int) {
        self.toast = Toast.cut(toast)
        screen = nil
        screenWithoutToast = .notice(toast, page: page)
    }
}
