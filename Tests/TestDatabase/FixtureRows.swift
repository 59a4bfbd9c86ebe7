import Synchronization

/// A city. Its name is a new one unless given, for names are unique.
package struct CityRow: FixtureRow {
    package static let table = "cities"
    package var name: String
    package var timezone: String?

    package init(name: String? = nil, timezone: String? = "Europe/Moscow") {
        self.name = name ?? "Testville \(Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue)"
        self.timezone = timezone
    }

    private static let lastNumber = Atomic(0)

    package var columns: KeyValuePairs<String, SQLText> {
        ["name": .value(name), "timezone": .value(timezone)]
    }
}

/// A district of a city.
package struct DistrictRow: FixtureRow {
    package static let table = "districts"
    package var cityID: Int
    package var name: String

    package init(cityID: Int, name: String = "Riverside") {
        self.cityID = cityID
        self.name = name
    }

    package var columns: KeyValuePairs<String, SQLText> {
        ["city_id": .value(cityID), "name": .value(name)]
    }
}

/// A street of a city.
package struct StreetRow: FixtureRow {
    package static let table = "streets"
    package var cityID: Int
    package var districtID: Int?
    package var name: String

    package init(cityID: Int, districtID: Int? = nil, name: String = "Mill Lane") {
        self.cityID = cityID
        self.districtID = districtID
        self.name = name
    }

    package var columns: KeyValuePairs<String, SQLText> {
        ["city_id": .value(cityID), "district_id": .value(districtID), "name": .value(name)]
    }
}

/// A master; as it stands, one who may accept orders.
package struct MasterRow: FixtureRow {
    package static let table = "masters"
    package var telegramUserID: Int?
    package var fullName: String
    package var cityID: Int?
    package var isActive: Bool
    package var isBlocked: Bool
    package var blockedReason: String?
    package var isDeleted: Bool
    package var verified: Bool
    package var moderationStatus: String
    package var shiftStatus: String
    package var maxActiveOrdersOverride: Int?

    package init(
        telegramUserID: Int? = nil, fullName: String = "Test Master", cityID: Int? = nil, isActive: Bool = true,
        isBlocked: Bool = false, blockedReason: String? = nil, isDeleted: Bool = false, verified: Bool = true,
        moderationStatus: String = "APPROVED", shiftStatus: String = "SHIFT_ON", maxActiveOrdersOverride: Int? = nil
    ) {
        self.telegramUserID = telegramUserID
        self.fullName = fullName
        self.cityID = cityID
        self.isActive = isActive
        self.isBlocked = isBlocked
        self.blockedReason = blockedReason
        self.isDeleted = isDeleted
        self.verified = verified
        self.moderationStatus = moderationStatus
        self.shiftStatus = shiftStatus
        self.maxActiveOrdersOverride = maxActiveOrdersOverride
    }

    package var columns: KeyValuePairs<String, SQLText> {
        [
            "tg_user_id": .value(telegramUserID), "full_name": .value(fullName), "city_id": .value(cityID),
            "is_active": .value(isActive), "is_blocked": .value(isBlocked), "blocked_reason": .value(blockedReason),
            "is_deleted": .value(isDeleted), "verified": .value(verified),
            "moderation_status": .value(moderationStatus), "shift_status": .value(shiftStatus),
            "max_active_orders_override": .value(maxActiveOrdersOverride),
        ]
    }
}

/// An order; as it stands, one that is nobody's and searched for.
package struct OrderRow: FixtureRow {
    package static let table = "orders"
    package var cityID: Int
    package var districtID: Int?
    package var streetID: Int?
    package var house: String?
    package var apartment: String?
    package var addressComment: String?
    package var clientName: String?
    package var clientPhone: String?
    package var status: String
    package var preferredMasterID: Int?
    package var assignedMasterID: Int?
    package var createdAt: SQLText
    package var version: Int
    package var category: String?
    package var description: String?
    package var timeslotStart: SQLText
    package var timeslotEnd: SQLText
    package var type: String
    package var escalatedToLogistAt: SQLText
    package var escalatedToAdminAt: SQLText

    package init(
        cityID: Int, districtID: Int? = nil, streetID: Int? = nil, house: String? = "10", apartment: String? = "4",
        addressComment: String? = "Back door", clientName: String? = "Test Client",
        clientPhone: String? = "+70000000000", status: String = "SEARCHING", preferredMasterID: Int? = nil,
        assignedMasterID: Int? = nil, createdAt: SQLText = "now()", version: Int = 1,
        category: String? = "ELECTRICS", description: String? = "A lamp flickers", timeslotStart: SQLText = "NULL",
        timeslotEnd: SQLText = "NULL", type: String = "NORMAL", escalatedToLogistAt: SQLText = "NULL",
        escalatedToAdminAt: SQLText = "NULL"
    ) {
        self.cityID = cityID
        self.districtID = districtID
        self.streetID = streetID
        self.house = house
        self.apartment = apartment
        self.addressComment = addressComment
        self.clientName = clientName
        self.clientPhone = clientPhone
        self.status = status
        self.preferredMasterID = preferredMasterID
        self.assignedMasterID = assignedMasterID
        self.createdAt = createdAt
        self.version = version
        self.category = category
        self.description = description
        self.timeslotStart = timeslotStart
        self.timeslotEnd = timeslotEnd
        self.type = type
        self.escalatedToLogistAt = escalatedToLogistAt
        self.escalatedToAdminAt = escalatedToAdminAt
    }

    package var columns: KeyValuePairs<String, SQLText> {
        [
            "city_id": .value(cityID), "district_id": .value(districtID), "street_id": .value(streetID),
            "house": .value(house), "apartment": .value(apartment), "address_comment": .value(addressComment),
            "client_name": .value(clientName), "client_phone": .value(clientPhone), "status": .value(status),
            "preferred_master_id": .value(preferredMasterID), "assigned_master_id": .value(assignedMasterID),
            "created_at": createdAt, "version": .value(version), "category": .value(category),
            "description": .value(description), "timeslot_start_utc": timeslotStart,
            "timeslot_end_utc": timeslotEnd, "type": .value(type), "total_sum": "0",
            "no_district": .value(districtID == nil), "dist_escalated_logist_at": escalatedToLogistAt,
            "dist_escalated_admin_at": escalatedToAdminAt,
        ]
    }
}

/// An offer of an order to a master; as it stands, one that is open for two minutes.
package struct OfferRow: FixtureRow {
    package static let table = "offers"
    package var orderID: Int
    package var masterID: Int
    package var round: Int
    package var state: String
    package var sentAt: SQLText
    package var expiresAt: SQLText
    package var respondedAt: SQLText

    package init(
        orderID: Int, masterID: Int, round: Int = 1, state: String = "SENT", sentAt: SQLText = "now()",
        expiresAt: SQLText = "now() + interval '2 minutes'", respondedAt: SQLText = "NULL"
    ) {
        self.orderID = orderID
        self.masterID = masterID
        self.round = round
        self.state = state
        self.sentAt = sentAt
        self.expiresAt = expiresAt
        self.respondedAt = respondedAt
    }

    package var columns: KeyValuePairs<String, SQLText> {
        [
            "order_id": .value(orderID), "master_id": .value(masterID), "round_number": .value(round),
            "state": .value(state), "sent_at": sentAt, "expires_at": expiresAt, "responded_at": respondedAt,
        ]
    }
}
