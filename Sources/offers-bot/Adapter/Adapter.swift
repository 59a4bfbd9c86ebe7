import JSONRPC
import Offers

/// Turns a tap into a call and its reply into a screen. It remembers nothing from one tap to the next.
struct Adapter: Sendable {
    /// offersd.
    let calls: any OfferCalls

    /// Does what a tap asks for.
    ///
    /// - Parameter data: The tap's own `callback_data`, for the button that repeats it.
    /// - Throws: `CancellationError`, after which a write may have taken effect. The same tap may be given again.
    func respond(to tap: Tap, data: String? = nil, from user: Int64) async throws -> Response {
        let data = data ?? tap.data
        switch tap {
        case .menu:
            return Response(.greeting)
        case .foreign:
            // The message is the old bot's, and may show what cannot be shown again: it stays, whatever happens.
            return Response(toast: "Этот раздел сейчас недоступен. Новые заказы — по кнопке или команде /start.")
        case .noOrder:
            return Response(toast: "Заказ не найден.", above: try await list(page: 1, for: user))
        case .list(let page):
            return try await respond(to: tap, data, of: user, page: page) {
                Response(try await load(page: page, for: user))
            }
        case .askToDecline(let order):
            return Response(.declineQuestion(order))
        case .card(let order):
            return try await respond(to: tap, data, of: user, page: order.page) {
                let card = try await calls.card(order.order, for: user)
                return Response(.card(card.offer, page: order.page, now: card.asOf))
            }
        case .accept(let order):
            return try await respond(to: tap, data, of: user, page: order.page) {
                let accepted = try await calls.accept(order.order, for: user)
                // The button of an old card, perhaps: of an order that is long on its way, or closed.
                let isOld = accepted.alreadyAccepted && accepted.order.status != "ASSIGNED"
                return Response(
                    toast: isOld ? "Этот заказ уже ваш." : "Заявка принята. Удачи в работе!",
                    .accepted(accepted.order, now: try await clock(of: accepted, for: user)))
            }
        case .decline(let order):
            return try await respond(to: tap, data, of: user, page: order.page) {
                _ = try await calls.decline(order.order, for: user)
                let list = try await list(page: order.page, for: user, afterWrite: true)
                return Response(toast: "Предложение скрыто.", above: list)
            }
        }
    }

    private func respond(
        to tap: Tap, _ data: String, of user: Int64, page: Int, _ call: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await call()
        } catch let failure as CallFailure {
            var response = try await response(to: failure, of: tap, data, of: user, page: page)
            response.outcome = failure.name
            return response
        }
    }

    private func response(
        to failure: CallFailure, of tap: Tap, _ data: String, of user: Int64, page: Int
    ) async throws -> Response {
        if case .card = tap, case .refused(let error) = failure, error.knownReason == .offerNotFound {
            return Response(.noSuchOffer)
        }
        switch Verdict(failure) {
        case .notRegistered:
            return Response(toast: Verdict.unregistered, .notRegistered)
        case .thenList(let sentence):
            var response = Response(toast: sentence, above: try await list(page: page, for: user))
            response.isAlert = failure.isAlert
            return response
        case .stay(let sentence):
            var response = Response(toast: sentence, page: page)
            response.isAlert = failure.isAlert
            return response
        case .tryAgain(let sentence):
            return Response(toast: sentence, .failure(sentence, retry: data))
        }
    }

    /// The answer to a write whose turn did not come: nothing was sent.
    func tooLate(_ tap: Tap, data: String?) -> Response {
        var response = Response(toast: Verdict.notInTime, .failure(Verdict.notInTime, retry: data ?? tap.data))
        response.outcome = "not started"
        return response
    }

    /// The list as it is now; if it cannot be had, the screen that says so. After a write that was done no sentence may
    /// say that nothing changed.
    private func list(page: Int, for user: Int64, afterWrite: Bool = false) async throws -> Screen {
        do {
            return try await load(page: page, for: user)
        } catch let failure as CallFailure {
            let again = Tap.list(page: page).data
            if afterWrite { return .failure("⚠️ Список сейчас не загрузился. Повторите чуть позже.", retry: again) }
            switch Verdict(failure) {
            case .notRegistered: return .notRegistered
            case .thenList(let sentence), .stay(let sentence), .tryAgain(let sentence):
                return .failure(sentence, retry: again)
            }
        }
    }

    /// The list as it is now. A person who is no master reads that instead.
    private func load(page: Int, for user: Int64) async throws -> Screen {
        do {
            var page = page
            while true {
                let result = try await calls.list(
                    for: user, limit: Screen.pageSize, offset: (page - 1) * Screen.pageSize)
                // The list may have become shorter since the button was made, and again during this call.
                guard result.offers.isEmpty, result.total > 0, page > 1 else { return .list(result, page: page) }
                page = min(page - 1, Screen.lastPage(result.total))
            }
        } catch CallFailure.refused(let error) where error.knownReason == .masterNotFound {
            return .notRegistered
        }
    }

    /// The database's clock at an accept. The result of a repeated one tells only when the first was made, so the clock
    /// is asked for; nil if it cannot be had, for the card is not withheld for that.
    private func clock(of accepted: AcceptOfferResult, for user: Int64) async throws -> Timestamp? {
        if !accepted.alreadyAccepted, let acceptedAt = accepted.acceptedAt { return acceptedAt }
        guard accepted.order.timeslot != nil else { return nil }
        do {
            return try await calls.list(for: user, limit: 1, offset: 0).asOf
        } catch is CallFailure {
            return nil
        }
    }
}
