extension Schema {
    /// Orders and the history of their status.
    static let orders = """
        -- There are two columns for the kind of an order: type is the one in use, order_type stays at its default.
        -- A writer adds 1 to version and sets updated_at by hand; there are no triggers.
        CREATE TABLE orders (
            id serial,
            city_id integer NOT NULL,
            district_id integer,
            street_id integer,
            house varchar(32),
            apartment varchar(32),
            address_comment text,
            client_name varchar(160),
            client_phone varchar(32),
            status order_status NOT NULL DEFAULT 'CREATED',
            preferred_master_id integer,
            assigned_master_id integer,
            created_by_staff_id integer,
            created_at timestamptz DEFAULT now(),
            updated_at timestamptz DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            company_payment numeric(10, 2) NOT NULL DEFAULT '0'::numeric,
            guarantee_source_order_id integer,
            order_type order_type NOT NULL DEFAULT 'NORMAL',
            category order_category,
            description text,
            late_visit boolean NOT NULL DEFAULT false,
            dist_escalated_logist_at timestamptz,
            dist_escalated_admin_at timestamptz,
            lat numeric(9, 6),
            lon numeric(9, 6),
            timeslot_start_utc timestamptz,
            timeslot_end_utc timestamptz,
            total_sum numeric(10, 2) NOT NULL,
            cancel_reason text,
            no_district boolean NOT NULL,
            type order_type NOT NULL,
            geocode_provider varchar(32),
            geocode_confidence integer,
            escalation_logist_notified_at timestamptz,
            escalation_admin_notified_at timestamptz,
            CONSTRAINT pk_orders PRIMARY KEY (id),
            CONSTRAINT fk_orders__city_id__cities
                FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE RESTRICT,
            CONSTRAINT fk_orders__district_id__districts
                FOREIGN KEY (district_id) REFERENCES districts (id) ON DELETE SET NULL,
            CONSTRAINT fk_orders__street_id__streets
                FOREIGN KEY (street_id) REFERENCES streets (id) ON DELETE SET NULL,
            CONSTRAINT fk_orders__preferred_master_id__masters
                FOREIGN KEY (preferred_master_id) REFERENCES masters (id) ON DELETE SET NULL,
            CONSTRAINT fk_orders__assigned_master_id__masters
                FOREIGN KEY (assigned_master_id) REFERENCES masters (id) ON DELETE SET NULL,
            CONSTRAINT fk_orders__created_by_staff_id__staff_users
                FOREIGN KEY (created_by_staff_id) REFERENCES staff_users (id) ON DELETE SET NULL,
            CONSTRAINT fk_orders__guarantee_source_order_id__orders
                FOREIGN KEY (guarantee_source_order_id) REFERENCES orders (id) ON DELETE SET NULL,
            -- With one end NULL the second half is NULL, which a check lets pass: such slots exist.
            CONSTRAINT ck_orders__timeslot_range CHECK (
                (timeslot_start_utc IS NULL AND timeslot_end_utc IS NULL) OR timeslot_start_utc < timeslot_end_utc
            )
        );
        CREATE INDEX ix_orders__assigned_master ON orders (assigned_master_id);
        CREATE INDEX ix_orders__category ON orders (category);
        CREATE INDEX ix_orders__city_id ON orders (city_id);
        CREATE INDEX ix_orders__city_status ON orders (city_id, status);
        CREATE INDEX ix_orders__created_at ON orders (created_at);
        CREATE INDEX ix_orders__district_id ON orders (district_id);
        CREATE INDEX ix_orders__guarantee_source ON orders (guarantee_source_order_id);
        CREATE INDEX ix_orders__phone ON orders (client_phone);
        CREATE INDEX ix_orders__preferred_master ON orders (preferred_master_id);
        CREATE INDEX ix_orders__status_city ON orders (status, city_id);
        CREATE INDEX ix_orders__status_city_timeslot_start ON orders (status, city_id, timeslot_start_utc);
        CREATE INDEX ix_orders__street_id ON orders (street_id);

        CREATE TABLE order_status_history (
            id serial,
            order_id integer NOT NULL,
            from_status order_status,
            to_status order_status NOT NULL,
            reason text,
            changed_by_staff_id integer,
            changed_by_master_id integer,
            created_at timestamptz DEFAULT now(),
            actor_type actor_type NOT NULL DEFAULT 'SYSTEM',
            context jsonb NOT NULL DEFAULT '{}'::jsonb,
            CONSTRAINT pk_order_status_history PRIMARY KEY (id),
            CONSTRAINT fk_order_status_history__order_id__orders
                FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
            CONSTRAINT fk_order_status_history__changed_by_staff_id__staff_users
                FOREIGN KEY (changed_by_staff_id) REFERENCES staff_users (id) ON DELETE SET NULL,
            CONSTRAINT fk_order_status_history__changed_by_master_id__masters
                FOREIGN KEY (changed_by_master_id) REFERENCES masters (id) ON DELETE SET NULL
        );
        CREATE INDEX ix_order_status_history__actor_type ON order_status_history (actor_type);
        CREATE INDEX ix_order_status_history__order_created_at ON order_status_history (order_id, created_at);

        """
}
