import OffersServer

/// The states in which the existing database is met, as SQL that turns the newest one (`Schema`, G3) into them.
///
/// Only what offersd can notice is reproduced: columns, types, defaults and indexes of its own tables. Source: the
/// facts about the generations of the existing database.
package enum Generation: String, Sendable, CaseIterable {
    /// The dump of 2025-10-07: history without actor and context, no metrics, one row per order and master for ever.
    case g0
    /// What alembic alone makes: as `g0` in the offers, metrics with an enum of their own.
    case g1
    /// A running database of 2025-10-16.
    case g2
    /// The newest; the reference.
    case g3
    /// What the Python models would make; their tests assume it.
    case g4
    /// `g3` with neither unique index on open pairs, so that a pair can have several open rows.
    case damaged

    /// The shape of `distribution_metrics` that comes with the generation.
    package var metricsShape: MetricsShape {
        switch self {
        case .g0: .absent
        case .g1: .enum
        case .g2, .g3, .g4, .damaged: .varchar
        }
    }

    /// The SQL that turns a database of ``g3`` into this one, except for `distribution_metrics`.
    var sqlFromG3: String {
        switch self {
        case .g0: Self.onePairOnly + Self.withoutNames + Self.withoutActor
        case .g1: Self.onePairOnly + Self.withoutNames
        case .g2:
            Self.withoutLateIndexes + """
                ALTER TABLE order_status_history ALTER actor_type DROP DEFAULT;

                """
        case .g3: ""
        case .g4: Self.withoutLateIndexes + Self.asModels
        case .damaged: "DROP INDEX uq_offers__order_master_active, idx_offers_order_master_active;\n"
        }
    }

    private static let withoutLateIndexes = """
        DROP INDEX idx_offers_order_master_active, idx_offers_active_state, idx_offers_master_active;

        """

    private static let onePairOnly =
        withoutLateIndexes + """
            DROP INDEX uq_offers__order_master_active;
            ALTER TABLE offers ADD CONSTRAINT uq_offers__order_master UNIQUE (order_id, master_id);

            """

    private static let withoutNames = """
        ALTER TABLE masters DROP telegram_username, DROP first_name, DROP last_name;

        """

    private static let withoutActor = """
        ALTER TABLE order_status_history DROP actor_type, DROP context;
        DROP TYPE actor_type;
        ALTER TABLE notifications_outbox DROP attempt_count, DROP last_error;

        """

    private static let asModels = """
        ALTER TABLE cities ALTER created_at SET NOT NULL, ALTER updated_at SET NOT NULL;
        ALTER TABLE districts ALTER created_at SET NOT NULL;
        ALTER TABLE streets ALTER created_at SET NOT NULL;
        ALTER TABLE settings ALTER created_at SET NOT NULL, ALTER updated_at SET NOT NULL;

        ALTER TABLE masters
            ALTER full_name DROP NOT NULL, ALTER is_deleted SET DEFAULT false,
            DROP CONSTRAINT uq_masters__tg_user_id, DROP CONSTRAINT ck_masters__ck_masters__limit_nonneg;
        DROP INDEX ix_masters__tg_user_id;
        CREATE UNIQUE INDEX ix_masters__tg_user_id ON masters (tg_user_id);

        ALTER TABLE orders
            ALTER lat TYPE double precision, ALTER lon TYPE double precision,
            ALTER category SET NOT NULL, ALTER category SET DEFAULT 'ELECTRICS',
            ALTER type SET DEFAULT 'NORMAL', DROP order_type,
            ALTER total_sum SET DEFAULT 0, ALTER no_district SET DEFAULT false,
            ALTER created_at SET NOT NULL, ALTER updated_at SET NOT NULL;
        ALTER TABLE orders RENAME CONSTRAINT ck_orders__timeslot_range TO ck_orders__ck_orders__timeslot_range;

        ALTER TABLE offers ALTER sent_at SET NOT NULL, ALTER created_at SET NOT NULL;
        CREATE INDEX ix_offers__master_id ON offers (master_id);
        CREATE INDEX ix_offers__order_id ON offers (order_id);
        CREATE INDEX ix_offers__state ON offers (state);

        ALTER TABLE order_status_history ALTER actor_type DROP DEFAULT;
        ALTER TABLE notifications_outbox ALTER attempt_count SET DEFAULT 0;
        ALTER TABLE distribution_metrics
            DROP CONSTRAINT fk_distribution_metrics__order_id__orders,
            DROP CONSTRAINT fk_distribution_metrics__master_id__masters,
            ALTER preferred_master_used DROP DEFAULT, ALTER was_escalated_to_logist DROP DEFAULT,
            ALTER was_escalated_to_admin DROP DEFAULT;

        """
}

/// The four shapes of `distribution_metrics`, which a database has independently of its generation.
package enum MetricsShape: String, Sendable, CaseIterable {
    /// There is no such table.
    case absent
    /// `category` has an enum type of its own, `ordercategory`: a text does not fit into it without a cast.
    case `enum`
    /// `category` and `order_type` are texts.
    case varchar
    /// The texts are called `category_name` and `type_name`.
    case renamed

    /// The SQL that turns the table of G3, which is ``varchar``, into this shape.
    var sqlFromG3: String {
        switch self {
        case .absent: "DROP TABLE distribution_metrics;\n"
        case .enum:
            """
            CREATE TYPE ordercategory AS ENUM (
                'ELECTRICS', 'PLUMBING', 'APPLIANCES', 'WINDOWS', 'HANDYMAN', 'ROADSIDE'
            );
            ALTER TABLE distribution_metrics ALTER category TYPE ordercategory USING category::ordercategory;

            """
        case .varchar: ""
        case .renamed:
            """
            ALTER TABLE distribution_metrics RENAME category TO category_name;
            ALTER TABLE distribution_metrics RENAME order_type TO type_name;

            """
        }
    }
}
