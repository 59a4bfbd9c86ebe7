extension Schema {
    /// Cities, their districts and streets.
    static let places = """
        -- timezone is an IANA name; offers carry it as it stands here.
        CREATE TABLE cities (
            id serial,
            name varchar(120) NOT NULL,
            is_active boolean NOT NULL DEFAULT true,
            created_at timestamptz DEFAULT now(),
            updated_at timestamptz DEFAULT now(),
            timezone varchar(64),
            centroid_lat double precision,
            centroid_lon double precision,
            CONSTRAINT pk_cities PRIMARY KEY (id),
            CONSTRAINT uq_cities__name UNIQUE (name)
        );

        CREATE TABLE districts (
            id serial,
            city_id integer NOT NULL,
            name varchar(120) NOT NULL,
            created_at timestamptz DEFAULT now(),
            centroid_lat double precision,
            centroid_lon double precision,
            CONSTRAINT pk_districts PRIMARY KEY (id),
            CONSTRAINT uq_districts__city_name UNIQUE (city_id, name),
            CONSTRAINT fk_districts__city_id__cities
                FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE CASCADE
        );
        CREATE INDEX ix_districts__city_id ON districts (city_id);

        CREATE TABLE streets (
            id serial,
            city_id integer NOT NULL,
            district_id integer,
            name varchar(200) NOT NULL,
            created_at timestamptz DEFAULT now(),
            centroid_lat double precision,
            centroid_lon double precision,
            CONSTRAINT pk_streets PRIMARY KEY (id),
            CONSTRAINT uq_streets__city_district_name UNIQUE (city_id, district_id, name),
            CONSTRAINT fk_streets__city_id__cities
                FOREIGN KEY (city_id) REFERENCES cities (id) ON DELETE CASCADE,
            CONSTRAINT fk_streets__district_id__districts
                FOREIGN KEY (district_id) REFERENCES districts (id) ON DELETE SET NULL
        );
        CREATE INDEX ix_streets__city_id ON streets (city_id);
        CREATE INDEX ix_streets__district_id ON streets (district_id);

        """
}
