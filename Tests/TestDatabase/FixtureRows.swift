import Synchronization

/// A city. Its name is a new one unless given, for names are unique.
package struct CityRow: FixtureRow {
    /// See `FixtureRow`.
    package static let table = "cities"
    /// The column `name`.
    package var name: String
    /// The column `timezone`.
    package var timezone: String?

    /// The defaults make the row that the type's comment promises.
    package init(name: String? = nil, timezone: String? = "Europe/Moscow") {
        self.name = name ?? "Testville \(Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue)"
        self.timezone = timezone
    }

    private static let lastNumber = Atomic(0)

    /// See `FixtureRow`.
    package var columns: KeyValuePairs<String, SQLText> {
        ["name": .value(name), "timezone": .value(timezone)]
    }
}

/// A district of a city.
package struct DistrictRow: FixtureRow {
    /// See `FixtureRow`.
    package static let table = "districts"
    /// The column `city_id`.
    package var cityID: Int
    /// The column `name`.
    package var name: String

    /// The defaults make the row that the type's comment promises.
    package init(cityID: Int, name: String = "Riverside") {
        self.cityID = cityID
        self.name = name
    }

    /// See `FixtureRow`.
    package var columns: KeyValuePairs<String, SQLText> {
        ["city_id": .value(cityID), "name": .value(name)]
    }
}

/// A street of a city.
package struct StreetRow: FixtureRow {
    /// See `FixtureRow`.
    package static let table = "streets"
    /// The column `city_id`.
    package var cityID: Int
    /// The column `district_id`.
    package var districtID: Int?
    /// The column `name`.
    package var name: String

    /// The defaults make the row that the type's comment promises.
    package init(cityID: Int, districtID: Int? = nil, name: String = "Mill Lane") {
        self.cityID = cityID
        self.districtID = districtID
        self.name = name
    }

    /// See `FixtureRow`.
    package var columns: KeyValuePairs<String, SQLText> {
        ["city_id": .value(cityID), "district_id": .value(districtID), "name": .value(name)]
    }
}

/// A master; as it stands, one who may accept orders.
package struct MasterRow: FixtureRow {
    /// See `FixtureRow`.
    package static let table = "masters"
    /// The column `tg_user_id`.
    package var telegramUserID: Int?
    /// The column `full_name`.
    package var fullName: String
    /// The column `city_id`.
    package var cityID: Int?
    /// The column `is_active`.
    package var isActive: Bool
    /// The column `is_blocked`.
    package var isBlocked: Bool
    /// The column `blocked_reason`.
    package var blockedReason: String?
    /// The column `is_deleted`.
    package var isDeleted: Bool
    /// The column `verified`.
    package var verified: Bool
    /// The column `moderation_status`.
    package var moderationStatus: String
    /// The column `shift_status`.
    package var shiftStatus: String
    /// The column `max_active_orders_override`.
    package var maxActiveOrdersOverride: Int?

    /// The defaults make the row that the type's comment promises.
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

    /// See `FixtureRow`.
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

/// An order; as it stands, one that has no master and is searched for.
package struct OrderRow: FixtureRow {
    /// See `FixtureRow`.
    package static let table = "orders"
    /// The column `city_id`.
    package var cityID: Int
    /// The column `district_id`.
    package var districtID: Int?
    /// The column `street_id`.
    package var streetID: Int?
    /// The column `house`.
    package var house: String?
    /// The column `apartment`.
    package var apartment: String?
    /// The column `address_comment`.
    package var addressComment: String?
    /// The column `client_name`.
    package var clientName: String?
    /// The column `client_phone`.
    package var clientPhone: String?
    /// The column `status`.
    package var status: String
    /// The column `preferred_master_id`.
    package var preferredMasterID: Int?
    /// The column `assigned_master_id`.
    package var assignedMasterID: Int?
    /// The column `created_at`.
    package var createdAt: SQLText
    /// The column `version`.
    package var version: Int
    /// The column `category`.
    package var category: String?
    /// The column `description`.
    package var description: String?
    /// The column `timeslot_start_utc`.
    package var timeslotStart: SQLText
    /// The column `timeslot_end_utc`.
    package var timeslotEnd: SQLText
    /// The column `type`.
    package var type: String
    /// The column `dist_escalated_logist_at`.
    package var escalatedToLogistAt: SQLText
    /// The column `dist_escalated_admin_at`.
    package var escalatedToAdminAt: SQLText

    /// The defaults make the row that the type's comment promises.
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

    /// See `FixtureRow`.
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
    /// See `FixtureRow`.
    package static let table = "offers"
    /// The column `order_id`.
    package var orderID: Int
    /// The column `master_id`.
    package var masterID: Int
    /// The column `round_number`.
    package var round: Int
    /// The column `state`.
    package var state: String
    /// The column `sent_at`.
    package var sentAt: SQLText
    /// The column `expires_at`.
    package var expiresAt: SQLText
    /// The column `responded_at`.
    package var respondedAt: SQLText

    /// The defaults make the row that the type's comment promises.
    package init(
        orderID: Int, masterID: Int, round: Int = 1, state: String = "SENT", sentAt: SQLText = "now()",
        expiresAt: SQLText = "now() + interval '2 hours'", respondedAt: SQLText = "NULL"
    ) {
        self.orderID = orderID
        self.masterID = masterID
        self.round = round
        self.state = state
        self.sentAt = sentAt
        self.expiresAt = expiresAt
        self.respondedAt = respondedAt
    }

    /// See `FixtureRow`.
    package var columns: KeyValuePairs<String, SQLText> {
        [
            "order_id": .value(orderID), "master_id": .value(masterID), "round_number": .value(round),
            "state": .value(state), "sent_at": sentAt, "expires_at": expiresAt, "responded_at": respondedAt,
        ]
    }
}
