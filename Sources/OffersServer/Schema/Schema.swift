/// The SQL of a new, complete database, as `offersd schema` prints it.
///
/// It is what the newest generation (G3) of the company's database looks like, as far as offers are concerned: same
/// names, types, defaults, constraints and indexes in the same order, so that the Python programs find what they
/// expect in these tables. Source: the facts about the existing database; `SchemaTests` reads the result back from
/// pg_catalog. offersd itself never runs this: a database that exists is taken as it is.
package enum Schema {
    /// One transaction that makes everything in an empty database and adds the settings offersd reads. It fails,
    /// and changes nothing, where one of the names is taken.
    package static let sql = [
        preamble, types, places, people, orders, offers, statistics, settings, "COMMIT;\n",
    ].joined(separator: "\n")

    private static let preamble = """
        -- The tables of offersd, generation G3, for a new database:
        --
        --     createdb offers && offersd schema | psql -v ON_ERROR_STOP=1 -d offers
        --
        -- Left out, because offersd and the distribution of orders do without: commissions, referrals, attachments,
        -- skills and districts of masters, invitation and access codes, the audit log, the queue of orders to close,
        -- and alembic's own table. Of the staff only the key is here, for the foreign keys that name it.

        BEGIN;

        """

    /// The order of the labels is the order in which they compare.
    private static let types = """
        CREATE TYPE order_status AS ENUM (
            'CREATED', 'SEARCHING', 'ASSIGNED', 'EN_ROUTE', 'WORKING', 'PAYMENT', 'CLOSED', 'DEFERRED', 'GUARANTEE',
            'CANCELED'
        );
        CREATE TYPE order_category AS ENUM (
            'ELECTRICS', 'PLUMBING', 'APPLIANCES', 'WINDOWS', 'HANDYMAN', 'ROADSIDE'
        );
        CREATE TYPE order_type AS ENUM ('NORMAL', 'GUARANTEE');
        CREATE TYPE offer_state AS ENUM ('SENT', 'VIEWED', 'ACCEPTED', 'DECLINED', 'EXPIRED', 'CANCELED');
        CREATE TYPE actor_type AS ENUM ('SYSTEM', 'ADMIN', 'MASTER', 'AUTO_DISTRIBUTION');
        CREATE TYPE moderation_status AS ENUM ('PENDING', 'APPROVED', 'REJECTED');
        CREATE TYPE shift_status AS ENUM ('SHIFT_OFF', 'SHIFT_ON', 'BREAK');
        CREATE TYPE payout_method AS ENUM ('CARD', 'SBP', 'YOOMONEY', 'BANK_ACCOUNT');

        """

    private static let settings = """
        -- Values are texts, whatever value_type says. max_active_orders: how many active orders a master may have
        -- at once; 0 is no limit, and a missing or unreadable value counts as 5.
        CREATE TABLE settings (
            key varchar(80) NOT NULL,
            value text NOT NULL,
            value_type varchar(16) NOT NULL DEFAULT 'STR',
            description text,
            created_at timestamptz DEFAULT now(),
            updated_at timestamptz DEFAULT now(),
            CONSTRAINT pk_settings PRIMARY KEY (key)
        );

        INSERT INTO settings (key, value, value_type, description)
        VALUES ('max_active_orders', '5', 'INT', 'Active orders a master may have at once');

        """
}
