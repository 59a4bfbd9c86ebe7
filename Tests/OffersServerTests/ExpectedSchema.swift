/// Columns, constraints and indexes of the newest generation (G3) of the existing database, as its pg_catalog
/// shows them. `timestamptz` and `varchar` stand for the long names of the types.
enum ExpectedSchema {
    /// Table, then column, type, NOT NULL or NULL, and default, in order.
    static let columns = """
        cities
            id integer NOT NULL nextval('cities_id_seq'::regclass)
            name varchar(120) NOT NULL -
            is_active boolean NOT NULL true
            created_at timestamptz NULL now()
            updated_at timestamptz NULL now()
            timezone varchar(64) NULL -
            centroid_lat double precision NULL -
            centroid_lon double precision NULL -
        districts
            id integer NOT NULL nextval('districts_id_seq'::regclass)
            city_id integer NOT NULL -
            name varchar(120) NOT NULL -
            created_at timestamptz NULL now()
            centroid_lat double precision NULL -
            centroid_lon double precision NULL -
        streets
            id integer NOT NULL nextval('streets_id_seq'::regclass)
            city_id integer NOT NULL -
            district_id integer NULL -
            name varchar(200) NOT NULL -
            created_at timestamptz NULL now()
            centroid_lat double precision NULL -
            centroid_lon double precision NULL -
        masters
            id integer NOT NULL nextval('masters_id_seq'::regclass)
            tg_user_id bigint NULL -
            full_name varchar(160) NOT NULL -
            phone varchar(32) NULL -
            city_id integer NULL -
            rating double precision NOT NULL '5'::double precision
            is_active boolean NOT NULL true
            is_blocked boolean NOT NULL false
            blocked_at timestamptz NULL -
            blocked_reason text NULL -
            referral_code varchar(32) NULL -
            referred_by_master_id integer NULL -
            last_heartbeat_at timestamptz NULL -
            created_at timestamptz NULL now()
            updated_at timestamptz NULL now()
            version integer NOT NULL 1
            moderation_status moderation_status NOT NULL 'PENDING'::moderation_status
            moderation_note text NULL -
            shift_status shift_status NOT NULL 'SHIFT_OFF'::shift_status
            break_until timestamptz NULL -
            pdn_accepted_at timestamptz NULL -
            payout_method payout_method NULL -
            payout_data jsonb NULL -
            has_vehicle boolean NOT NULL false
            vehicle_plate varchar(16) NULL -
            home_latitude numeric(9,6) NULL -
            home_longitude numeric(9,6) NULL -
            max_active_orders_override smallint NULL -
            is_on_shift boolean NOT NULL false
            verified boolean NOT NULL false
            is_deleted boolean NOT NULL -
            moderation_reason text NULL -
            verified_at timestamptz NULL -
            verified_by integer NULL -
            telegram_username varchar(64) NULL -
            first_name varchar(80) NULL -
            last_name varchar(120) NULL -
        orders
            id integer NOT NULL nextval('orders_id_seq'::regclass)
            city_id integer NOT NULL -
            district_id integer NULL -
            street_id integer NULL -
            house varchar(32) NULL -
            apartment varchar(32) NULL -
            address_comment text NULL -
            client_name varchar(160) NULL -
            client_phone varchar(32) NULL -
            status order_status NOT NULL 'CREATED'::order_status
            preferred_master_id integer NULL -
            assigned_master_id integer NULL -
            created_by_staff_id integer NULL -
            created_at timestamptz NULL now()
            updated_at timestamptz NULL now()
            version integer NOT NULL 1
            company_payment numeric(10,2) NOT NULL '0'::numeric
            guarantee_source_order_id integer NULL -
            order_type order_type NOT NULL 'NORMAL'::order_type
            category order_category NULL -
            description text NULL -
            late_visit boolean NOT NULL false
            dist_escalated_logist_at timestamptz NULL -
            dist_escalated_admin_at timestamptz NULL -
            lat numeric(9,6) NULL -
            lon numeric(9,6) NULL -
            timeslot_start_utc timestamptz NULL -
            timeslot_end_utc timestamptz NULL -
            total_sum numeric(10,2) NOT NULL -
            cancel_reason text NULL -
            no_district boolean NOT NULL -
            type order_type NOT NULL -
            geocode_provider varchar(32) NULL -
            geocode_confidence integer NULL -
            escalation_logist_notified_at timestamptz NULL -
            escalation_admin_notified_at timestamptz NULL -
        offers
            id integer NOT NULL nextval('offers_id_seq'::regclass)
            order_id integer NOT NULL -
            master_id integer NOT NULL -
            round_number smallint NOT NULL '1'::smallint
            state offer_state NOT NULL -
            sent_at timestamptz NULL now()
            responded_at timestamptz NULL -
            expires_at timestamptz NULL -
            created_at timestamptz NULL now()
        order_status_history
            id integer NOT NULL nextval('order_status_history_id_seq'::regclass)
            order_id integer NOT NULL -
            from_status order_status NULL -
            to_status order_status NOT NULL -
            reason text NULL -
            changed_by_staff_id integer NULL -
            changed_by_master_id integer NULL -
            created_at timestamptz NULL now()
            actor_type actor_type NOT NULL 'SYSTEM'::actor_type
            context jsonb NOT NULL '{}'::jsonb
        settings
            key varchar(80) NOT NULL -
            value text NOT NULL -
            value_type varchar(16) NOT NULL 'STR'::varchar
            description text NULL -
            created_at timestamptz NULL now()
            updated_at timestamptz NULL now()
        distribution_metrics
            id integer NOT NULL nextval('distribution_metrics_id_seq'::regclass)
            order_id integer NOT NULL -
            master_id integer NULL -
            assigned_at timestamptz NOT NULL now()
            round_number smallint NOT NULL -
            candidates_count smallint NOT NULL -
            time_to_assign_seconds integer NULL -
            preferred_master_used boolean NOT NULL false
            was_escalated_to_logist boolean NOT NULL false
            was_escalated_to_admin boolean NOT NULL false
            city_id integer NOT NULL -
            district_id integer NULL -
            category varchar(32) NULL -
            order_type varchar(32) NULL -
            metadata_json jsonb NOT NULL '{}'::jsonb
            created_at timestamptz NOT NULL now()
        notifications_outbox
            id integer NOT NULL nextval('notifications_outbox_id_seq'::regclass)
            master_id integer NOT NULL -
            event varchar(64) NOT NULL -
            payload jsonb NOT NULL '{}'::jsonb
            created_at timestamptz NOT NULL now()
            processed_at timestamptz NULL -
            attempt_count integer NOT NULL -
            last_error text NULL -
        """

    /// Table, then name and definition.
    static let constraints = """
        cities
            uq_cities__name UNIQUE (name)
            pk_cities PRIMARY KEY (id)
        districts
            uq_districts__city_name UNIQUE (city_id, name)
            pk_districts PRIMARY KEY (id)
            fk_districts__city_id__cities FOREIGN KEY (city_id) REFERENCES cities(id) ON DELETE CASCADE
        streets
            uq_streets__city_district_name UNIQUE (city_id, district_id, name)
            pk_streets PRIMARY KEY (id)
            fk_streets__city_id__cities FOREIGN KEY (city_id) REFERENCES cities(id) ON DELETE CASCADE
            fk_streets__district_id__districts FOREIGN KEY (district_id) REFERENCES districts(id) ON DELETE SET NULL
        masters
            uq_masters__referral_code UNIQUE (referral_code)
            uq_masters__tg_user_id UNIQUE (tg_user_id)
            pk_masters PRIMARY KEY (id)
            fk_masters__city_id__cities FOREIGN KEY (city_id) REFERENCES cities(id) ON DELETE SET NULL
            fk_masters__referred_by_master_id__masters FOREIGN KEY (referred_by_master_id) REFERENCES masters(id) ON DELETE SET NULL
            fk_masters__verified_by__staff_users FOREIGN KEY (verified_by) REFERENCES staff_users(id) ON DELETE SET NULL
            ck_masters__ck_masters__limit_nonneg CHECK (((max_active_orders_override IS NULL) OR (max_active_orders_override >= 0)))
        orders
            pk_orders PRIMARY KEY (id)
            fk_orders__assigned_master_id__masters FOREIGN KEY (assigned_master_id) REFERENCES masters(id) ON DELETE SET NULL
            fk_orders__city_id__cities FOREIGN KEY (city_id) REFERENCES cities(id) ON DELETE RESTRICT
            fk_orders__created_by_staff_id__staff_users FOREIGN KEY (created_by_staff_id) REFERENCES staff_users(id) ON DELETE SET NULL
            fk_orders__district_id__districts FOREIGN KEY (district_id) REFERENCES districts(id) ON DELETE SET NULL
            fk_orders__guarantee_source_order_id__orders FOREIGN KEY (guarantee_source_order_id) REFERENCES orders(id) ON DELETE SET NULL
            fk_orders__preferred_master_id__masters FOREIGN KEY (preferred_master_id) REFERENCES masters(id) ON DELETE SET NULL
            fk_orders__street_id__streets FOREIGN KEY (street_id) REFERENCES streets(id) ON DELETE SET NULL
            ck_orders__timeslot_range CHECK ((((timeslot_start_utc IS NULL) AND (timeslot_end_utc IS NULL)) OR (timeslot_start_utc < timeslot_end_utc)))
        offers
            pk_offers PRIMARY KEY (id)
            fk_offers__master_id__masters FOREIGN KEY (master_id) REFERENCES masters(id) ON DELETE CASCADE
            fk_offers__order_id__orders FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE
        order_status_history
            pk_order_status_history PRIMARY KEY (id)
            fk_order_status_history__changed_by_master_id__masters FOREIGN KEY (changed_by_master_id) REFERENCES masters(id) ON DELETE SET NULL
            fk_order_status_history__changed_by_staff_id__staff_users FOREIGN KEY (changed_by_staff_id) REFERENCES staff_users(id) ON DELETE SET NULL
            fk_order_status_history__order_id__orders FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE
        settings
            pk_settings PRIMARY KEY (key)
        distribution_metrics
            pk_distribution_metrics PRIMARY KEY (id)
            fk_distribution_metrics__city_id__cities FOREIGN KEY (city_id) REFERENCES cities(id) ON DELETE CASCADE
            fk_distribution_metrics__district_id__districts FOREIGN KEY (district_id) REFERENCES districts(id) ON DELETE SET NULL
            fk_distribution_metrics__master_id__masters FOREIGN KEY (master_id) REFERENCES masters(id) ON DELETE SET NULL
            fk_distribution_metrics__order_id__orders FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE
        notifications_outbox
            pk_notifications_outbox PRIMARY KEY (id)
            fk_notifications_outbox__master_id__masters FOREIGN KEY (master_id) REFERENCES masters(id) ON DELETE CASCADE
        """

    /// Table, then name and definition of the indexes that back no constraint.
    static let indexes = """
        districts
            ix_districts__city_id btree (city_id)
        streets
            ix_streets__city_id btree (city_id)
            ix_streets__district_id btree (district_id)
        masters
            ix_masters__city_id btree (city_id)
            ix_masters__heartbeat btree (last_heartbeat_at)
            ix_masters__mod_shift btree (moderation_status, shift_status)
            ix_masters__onshift_verified btree (is_on_shift, verified)
            ix_masters__phone btree (phone)
            ix_masters__referred_by btree (referred_by_master_id)
            ix_masters__tg_user_id btree (tg_user_id)
            ix_masters__verified_active_deleted_city btree (verified, is_active, is_deleted, city_id)
        orders
            ix_orders__assigned_master btree (assigned_master_id)
            ix_orders__category btree (category)
            ix_orders__city_id btree (city_id)
            ix_orders__city_status btree (city_id, status)
            ix_orders__created_at btree (created_at)
            ix_orders__district_id btree (district_id)
            ix_orders__guarantee_source btree (guarantee_source_order_id)
            ix_orders__phone btree (client_phone)
            ix_orders__preferred_master btree (preferred_master_id)
            ix_orders__status_city btree (status, city_id)
            ix_orders__status_city_timeslot_start btree (status, city_id, timeslot_start_utc)
            ix_orders__street_id btree (street_id)
        offers
            idx_offers_active_state btree (order_id, master_id, state) WHERE (state = ANY (ARRAY['SENT'::offer_state, 'VIEWED'::offer_state]))
            idx_offers_master_active btree (master_id, state, sent_at DESC) WHERE (state = ANY (ARRAY['SENT'::offer_state, 'VIEWED'::offer_state]))
            idx_offers_order_master_active UNIQUE btree (order_id, master_id) WHERE (state = ANY (ARRAY['SENT'::offer_state, 'VIEWED'::offer_state, 'ACCEPTED'::offer_state]))
            ix_offers__expires_at btree (expires_at)
            ix_offers__master_state btree (master_id, state)
            ix_offers__order_state btree (order_id, state)
            uix_offers__order_accepted_once UNIQUE btree (order_id) WHERE (state = 'ACCEPTED'::offer_state)
            uq_offers__order_master_active UNIQUE btree (order_id, master_id) WHERE (state = ANY (ARRAY['SENT'::offer_state, 'VIEWED'::offer_state, 'ACCEPTED'::offer_state]))
        order_status_history
            ix_order_status_history__actor_type btree (actor_type)
            ix_order_status_history__order_created_at btree (order_id, created_at)
        distribution_metrics
            ix_distribution_metrics__assigned_at_desc btree (assigned_at)
            ix_distribution_metrics__city_assigned btree (city_id, assigned_at)
            ix_distribution_metrics__performance btree (round_number, time_to_assign_seconds)
            ix_distribution_metrics_assigned_at btree (assigned_at)
            ix_distribution_metrics_city_id btree (city_id)
            ix_distribution_metrics_district_id btree (district_id)
            ix_distribution_metrics_master_id btree (master_id)
            ix_distribution_metrics_order_id btree (order_id)
        notifications_outbox
            ix_notifications_outbox_created btree (created_at)
            ix_notifications_outbox_master btree (master_id)
        """
}
