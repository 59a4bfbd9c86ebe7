extension Schema {
    /// Offers.
    static let offers = """
        -- An order and a master may meet again after DECLINED or EXPIRED, so only open and accepted rows are unique.
        -- Two indexes say so under different names, as in the existing database, which was changed twice.
        -- There is no index on rows that are not yet expired: now() is not immutable, and no index can use it.
        CREATE TABLE offers (
            id serial,
            order_id integer NOT NULL,
            master_id integer NOT NULL,
            round_number smallint NOT NULL DEFAULT '1'::smallint,
            state offer_state NOT NULL,
            sent_at timestamptz DEFAULT now(),
            responded_at timestamptz,
            expires_at timestamptz,
            created_at timestamptz DEFAULT now(),
            CONSTRAINT pk_offers PRIMARY KEY (id),
            CONSTRAINT fk_offers__order_id__orders
                FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
            CONSTRAINT fk_offers__master_id__masters
                FOREIGN KEY (master_id) REFERENCES masters (id) ON DELETE CASCADE
        );
        CREATE INDEX ix_offers__expires_at ON offers (expires_at);
        CREATE INDEX ix_offers__master_state ON offers (master_id, state);
        CREATE INDEX ix_offers__order_state ON offers (order_id, state);
        CREATE UNIQUE INDEX uix_offers__order_accepted_once ON offers (order_id) WHERE state = 'ACCEPTED';
        CREATE UNIQUE INDEX uq_offers__order_master_active
            ON offers (order_id, master_id) WHERE state IN ('SENT', 'VIEWED', 'ACCEPTED');
        CREATE UNIQUE INDEX idx_offers_order_master_active
            ON offers (order_id, master_id) WHERE state IN ('SENT', 'VIEWED', 'ACCEPTED');
        CREATE INDEX idx_offers_active_state
            ON offers (order_id, master_id, state) WHERE state IN ('SENT', 'VIEWED');
        CREATE INDEX idx_offers_master_active
            ON offers (master_id, state, sent_at DESC) WHERE state IN ('SENT', 'VIEWED');

        """

    /// One row for every assignment; nothing depends on it.
    static let statistics = """
        -- category and order_type are texts here, the labels of the order's enum types.
        CREATE TABLE distribution_metrics (
            id serial,
            order_id integer NOT NULL,
            master_id integer,
            assigned_at timestamptz NOT NULL DEFAULT now(),
            round_number smallint NOT NULL,
            candidates_count smallint NOT NULL,
            time_to_assign_seconds integer,
            preferred_master_used boolean NOT NULL DEFAULT false,
            was_escalated_to_logist boolean NOT NULL DEFAULT false,
            was_escalated_to_admin boolean NOT NULL DEFAULT false,
            city_id integer NOT NULL,
            district_id integer,
            category varchar(32),
            order_type varchar(32),
            metadata_json jsonb NOT NULL DEFAULT '{}'::jsonb,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_distribution_metrics PRIMARY KEY (id),
            CONSTRAINT fk_distribution_metrics__order_id__orders
                FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
            CONSTRAINT fk_distribution_metrics__master_id__masters
                FOREIGN KEY (master_id) REFERENCES masters (id) ON DELETE SET NULL,
            CONSTRAINT fk_distribution_metrics__city_id__cities
                FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE CASCADE,
            CONSTRAINT fk_distribution_metrics__district_id__districts
                FOREIGN KEY (district_id) REFERENCES districts (id) ON DELETE SET NULL
        );
        CREATE INDEX ix_distribution_metrics__assigned_at_desc ON distribution_metrics (assigned_at);
        CREATE INDEX ix_distribution_metrics__city_assigned ON distribution_metrics (city_id, assigned_at);
        CREATE INDEX ix_distribution_metrics__performance
            ON distribution_metrics (round_number, time_to_assign_seconds);
        CREATE INDEX ix_distribution_metrics_assigned_at ON distribution_metrics (assigned_at);
        CREATE INDEX ix_distribution_metrics_city_id ON distribution_metrics (city_id);
        CREATE INDEX ix_distribution_metrics_district_id ON distribution_metrics (district_id);
        CREATE INDEX ix_distribution_metrics_master_id ON distribution_metrics (master_id);
        CREATE INDEX ix_distribution_metrics_order_id ON distribution_metrics (order_id);

        """
}
