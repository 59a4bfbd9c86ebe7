extension Schema {
    /// Masters, what waits to be sent to them, and as much of the staff as the foreign keys need.
    static let people = """
        CREATE TABLE staff_users (
            id serial,
            CONSTRAINT pk_staff_users PRIMARY KEY (id)
        );

        -- May accept: is_active, not is_deleted, not is_blocked, not REJECTED, and verified or APPROVED.
        -- max_active_orders_override beats the setting of that name when it is above 0.
        CREATE TABLE masters (
            id serial,
            tg_user_id bigint,
            full_name varchar(160) NOT NULL,
            phone varchar(32),
            city_id integer,
            rating double precision NOT NULL DEFAULT '5'::double precision,
            is_active boolean NOT NULL DEFAULT true,
            is_blocked boolean NOT NULL DEFAULT false,
            blocked_at timestamptz,
            blocked_reason text,
            referral_code varchar(32),
            referred_by_master_id integer,
            last_heartbeat_at timestamptz,
            created_at timestamptz DEFAULT now(),
            updated_at timestamptz DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            moderation_status moderation_status NOT NULL DEFAULT 'PENDING',
            moderation_note text,
            shift_status shift_status NOT NULL DEFAULT 'SHIFT_OFF',
            break_until timestamptz,
            pdn_accepted_at timestamptz,
            payout_method payout_method,
            payout_data jsonb,
            has_vehicle boolean NOT NULL DEFAULT false,
            vehicle_plate varchar(16),
            home_latitude numeric(9, 6),
            home_longitude numeric(9, 6),
            max_active_orders_override smallint,
            is_on_shift boolean NOT NULL DEFAULT false,
            verified boolean NOT NULL DEFAULT false,
            is_deleted boolean NOT NULL,
            moderation_reason text,
            verified_at timestamptz,
            verified_by integer,
            telegram_username varchar(64),
            first_name varchar(80),
            last_name varchar(120),
            CONSTRAINT pk_masters PRIMARY KEY (id),
            CONSTRAINT uq_masters__tg_user_id UNIQUE (tg_user_id),
            CONSTRAINT uq_masters__referral_code UNIQUE (referral_code),
            CONSTRAINT fk_masters__city_id__cities
                FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE SET NULL,
            CONSTRAINT fk_masters__referred_by_master_id__masters
                FOREIGN KEY (referred_by_master_id) REFERENCES masters (id) ON DELETE SET NULL,
            CONSTRAINT fk_masters__verified_by__staff_users
                FOREIGN KEY (verified_by) REFERENCES staff_users (id) ON DELETE SET NULL,
            CONSTRAINT ck_masters__ck_masters__limit_nonneg
                CHECK (max_active_orders_override IS NULL OR max_active_orders_override >= 0)
        );
        CREATE INDEX ix_masters__city_id ON masters (city_id);
        CREATE INDEX ix_masters__heartbeat ON masters (last_heartbeat_at);
        CREATE INDEX ix_masters__mod_shift ON masters (moderation_status, shift_status);
        CREATE INDEX ix_masters__onshift_verified ON masters (is_on_shift, verified);
        CREATE INDEX ix_masters__phone ON masters (phone);
        CREATE INDEX ix_masters__referred_by ON masters (referred_by_master_id);
        CREATE INDEX ix_masters__tg_user_id ON masters (tg_user_id);
        CREATE INDEX ix_masters__verified_active_deleted_city ON masters (verified, is_active, is_deleted, city_id);

        -- Written by the distribution, sent by the bot. attempt_count has no default: writers give 0.
        CREATE TABLE notifications_outbox (
            id serial,
            master_id integer NOT NULL,
            event varchar(64) NOT NULL,
            payload jsonb NOT NULL DEFAULT '{}'::jsonb,
            created_at timestamptz NOT NULL DEFAULT now(),
            processed_at timestamptz,
            attempt_count integer NOT NULL,
            last_error text,
            CONSTRAINT pk_notifications_outbox PRIMARY KEY (id),
            CONSTRAINT fk_notifications_outbox__master_id__masters
                FOREIGN KEY (master_id) REFERENCES masters (id) ON DELETE CASCADE
        );
        CREATE INDEX ix_notifications_outbox_created ON notifications_outbox (created_at);
        CREATE INDEX ix_notifications_outbox_master ON notifications_outbox (master_id);

        """
}
