-- Run as ward_owner. The audit log becomes a tree: leaves are slim, wait for a place, and get one for good.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What was logged before carries no code of Ward's, so nobody could vouch for it.
ALTER TABLE ward.audit_leaf NO FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    IF EXISTS (SELECT FROM ward.audit_leaf) THEN
        RAISE EXCEPTION 'a log from before 0.1 can''t be carried over: start with an empty database'
            USING HINT = 'a private database is begun anew where its data directory is removed';
    END IF;
END $$;
DROP TABLE ward.audit_leaf;

-- What happened, month by month. The body is what was said; storage dates it, and the writer's code guards it until it has a place.
CREATE TABLE ward.audit_leaf (
    tenant uuid NOT NULL DEFAULT ward.tenant(),
    id     uuid NOT NULL,
    at     timestamptz NOT NULL,
    body   text NOT NULL CHECK (octet_length(body) <= 65400),
    mac    bytea NOT NULL CHECK (length(mac) = 32),
    source bytea, -- address and agent, sealed
    PRIMARY KEY (tenant, id),
    CONSTRAINT audit_leaf_dated CHECK (
        abs(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint - 1000 * date_part('epoch', at)) <= 600000)
) PARTITION BY RANGE (id);
CREATE TRIGGER stamp BEFORE INSERT ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION ward.stamp();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION ward.forbid();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ward.audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid();
SELECT ward.isolate('ward.audit_leaf');

-- Where a leaf stands in its tenant's tree.
CREATE TABLE ward.audit_place (
    tenant uuid NOT NULL DEFAULT ward.tenant(),
    index  bigint NOT NULL CHECK (index >= 0),
    leaf   uuid NOT NULL,
    hash   bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, index),
    UNIQUE (tenant, leaf)
);

-- Tiles that are full: 256 hashes beside each other, the root over them, and the latest time of all entries up to their end.
CREATE TABLE ward.audit_tile (
    tenant uuid NOT NULL DEFAULT ward.tenant(),
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 6),
    index  bigint NOT NULL CHECK (index >= 0),
    root   bytea NOT NULL CHECK (length(root) = 32),
    hashes bytea NOT NULL CHECK (length(hashes) = 8192),
    latest timestamptz NOT NULL,
    PRIMARY KEY (tenant, level, index)
);
ALTER TABLE ward.audit_tile ALTER hashes SET STORAGE EXTERNAL; -- hashes can't be compressed
CREATE INDEX audit_tile_latest ON ward.audit_tile (tenant, latest, index) WHERE level = 0;

-- What each log last said of itself.
CREATE TABLE ward.audit_head (
    tenant uuid NOT NULL DEFAULT ward.tenant() PRIMARY KEY,
    origin text NOT NULL,
    size   bigint NOT NULL CHECK (size >= 0),
    root   bytea NOT NULL CHECK (length(root) = 32),
    note   text NOT NULL,
    latest timestamptz NOT NULL,
    witnessed      text, -- the last note that witnesses cosigned
    witnessed_size bigint
) WITH (fillfactor = 50); -- it changes all the time
CREATE FUNCTION ward.only_grow() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.origin <> OLD.origin OR NEW.size < OLD.size OR NEW.size = OLD.size AND NEW.root <> OLD.root OR NEW.latest < OLD.latest
        OR NEW.witnessed_size > NEW.size
        OR OLD.witnessed_size IS NOT NULL AND coalesce(NEW.witnessed_size < OLD.witnessed_size, true) THEN
        RAISE EXCEPTION 'a log only grows' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_grow BEFORE UPDATE ON ward.audit_head FOR EACH ROW EXECUTE FUNCTION ward.only_grow();

-- In which entries of a tile a word occurs; by a part of its digest, since what is found is looked at anyway.
CREATE TABLE ward.audit_word (
    tenant uuid NOT NULL DEFAULT ward.tenant(),
    word   bigint NOT NULL,
    tile   bigint NOT NULL,
    hits   bit(256) NOT NULL,
    PRIMARY KEY (tenant, word, tile)
) WITH (fillfactor = 80);

CREATE FUNCTION ward.only_found_more() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.hits & OLD.hits <> OLD.hits THEN
        RAISE EXCEPTION 'what was found once is found again' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_found_more BEFORE UPDATE ON ward.audit_word FOR EACH ROW EXECUTE FUNCTION ward.only_found_more();

SELECT ward.isolate(t) FROM unnest('{ward.audit_place, ward.audit_tile, ward.audit_head, ward.audit_word}'::regclass[]) t;
SELECT ward.append_only(t) FROM unnest('{ward.audit_place, ward.audit_tile}'::regclass[]) t;

-- Nobody writes to a log whose latest entry lies in the future: a clock was set back.
CREATE FUNCTION ward.not_before() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM ward.audit_head h WHERE h.tenant = ward.tenant() AND h.latest > clock_timestamp() + interval '10 minutes') THEN
        RAISE EXCEPTION 'the clock is behind the log' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER not_before AFTER INSERT ON ward.audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION ward.not_before();

GRANT SELECT, INSERT (tenant, id, body, mac, source) ON ward.audit_leaf TO ward_app;
GRANT SELECT, INSERT ON ward.audit_place, ward.audit_tile TO ward_app;
GRANT SELECT, INSERT, UPDATE (size, root, note, latest, witnessed, witnessed_size) ON ward.audit_head TO ward_app;
GRANT SELECT, INSERT, UPDATE (hits) ON ward.audit_word TO ward_app;

-- The partitions of the log: one a month, made ahead. Leaves of a month for which there is none can't be written.
CREATE FUNCTION ward.keep_months(ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    month timestamp; -- in UTC, whatever time zone the caller has
    name text;
    made integer := 0;
BEGIN
    -- One replica at a time; the month before this one, since an id may be ten minutes older than its entry.
    PERFORM pg_advisory_xact_lock(hashtextextended('ward.keep_months', 0));
    FOR month IN SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
                                        date_trunc('month', now() AT TIME ZONE 'UTC') + least(greatest(ahead, 0), 24) * interval '1 month', '1 month') LOOP
        name := 'audit_leaf_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('ward.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE ward.%I (LIKE ward.audit_leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (toast_tuple_target = 8160)', name);
        EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ward.%I FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid()', name);
        PERFORM ward.isolate(format('ward.%I', name)::regclass);
        EXECUTE format('ALTER TABLE ward.audit_leaf ATTACH PARTITION ward.%I FOR VALUES FROM (%L) TO (%L)', name,
                       ward.first_id(month AT TIME ZONE 'UTC'), ward.first_id((month + interval '1 month') AT TIME ZONE 'UTC'));
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Below every id that is made at `at` or later.
CREATE FUNCTION ward.first_id(at timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (lpad(to_hex((1000 * date_part('epoch', at))::bigint), 12, '0') || repeat('0', 20))::uuid;
SELECT ward.keep_months(3);

-- A log's key may follow another, and both sign until then.
ALTER TABLE ward.wrapped_key ADD COLUMN until timestamptz;
GRANT INSERT (until) ON ward.wrapped_key TO ward_app;

-- Leaves without a place, by the units that wrote them --------------------------------------------------------------------------

CREATE TABLE ward.audit_waiting (
    tenant      uuid NOT NULL,
    first       uuid NOT NULL,
    leaves      uuid[] NOT NULL,
    rejected_at timestamptz, -- when they were found to be other than what was written
    PRIMARY KEY (tenant, first)
);
CREATE INDEX audit_waiting_next ON ward.audit_waiting (tenant, first) WHERE rejected_at IS NULL;

-- Says that leaves of the current tenant were just written.
CREATE FUNCTION ward.await_place(leaves uuid[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    IF cardinality(leaves) > 10000 THEN
        RAISE EXCEPTION 'more leaves than a unit writes at a time' USING ERRCODE = '54000';
    END IF;
    INSERT INTO ward.audit_waiting (tenant, first, leaves) VALUES (ward.tenant(), leaves[1], leaves);
    RETURN true;
END $$;

-- Tenants whose leaves wait for a place, and since when at least.
CREATE FUNCTION ward.awaiting_place(most integer) RETURNS TABLE (tenant uuid, first uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    -- From tenant to tenant, however much waits of each.
    RETURN QUERY WITH RECURSIVE next AS (
        (SELECT w.tenant, w.first FROM ward.audit_waiting w WHERE w.rejected_at IS NULL ORDER BY w.tenant, w.first LIMIT 1)
        UNION ALL
        SELECT n.* FROM next, LATERAL (
            SELECT w.tenant, w.first FROM ward.audit_waiting w WHERE w.rejected_at IS NULL AND w.tenant > next.tenant
            ORDER BY w.tenant, w.first LIMIT 1) n)
        SELECT next.tenant, next.first FROM next ORDER BY next.first LIMIT least(most, 10000);
END $$;

-- The leaves of the current tenant that have waited longest: whole units, up to `most` leaves and the rest of a unit.
CREATE FUNCTION ward.waiting_leaves(most integer) RETURNS TABLE (first uuid, leaves uuid[])
    LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT u.first, u.leaves FROM (
        SELECT w.first, w.leaves, sum(cardinality(w.leaves)) OVER (ORDER BY w.first) - cardinality(w.leaves) AS before
        FROM ward.audit_waiting w WHERE w.tenant = ward.tenant() AND w.rejected_at IS NULL ORDER BY w.first LIMIT most) u
    WHERE u.before < most ORDER BY u.first;
END $$;

-- Takes units of the current tenant off the list whose leaves have their places, and sets those of their leaves aside that got none.
CREATE FUNCTION ward.leaves_placed(units uuid[], rejected uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    DELETE FROM ward.audit_waiting w WHERE w.tenant = ward.tenant() AND w.first = ANY (units) AND w.rejected_at IS NULL AND NOT EXISTS (
        SELECT FROM unnest(w.leaves) l(id) WHERE NOT EXISTS (SELECT FROM unnest(rejected) r(id) WHERE r.id = l.id)
            AND NOT EXISTS (SELECT FROM ward.audit_place p WHERE p.tenant = ward.tenant() AND p.leaf = l.id));
    INSERT INTO ward.audit_waiting (tenant, first, leaves, rejected_at)
    SELECT ward.tenant(), r.leaf, ARRAY[r.leaf], clock_timestamp() FROM unnest(rejected) r(leaf)
    ON CONFLICT (tenant, first) DO NOTHING; -- it stands aside already, or is the first of others that wait
END $$;

-- How many leaves of the current tenant were set aside.
CREATE FUNCTION ward.leaves_rejected() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM ward.audit_waiting w WHERE w.tenant = ward.tenant() AND w.rejected_at IS NOT NULL);
END $$;

GRANT EXECUTE ON FUNCTION ward.keep_months(integer), ward.await_place(uuid[]), ward.awaiting_place(integer), ward.waiting_leaves(integer),
    ward.leaves_placed(uuid[], uuid[]), ward.leaves_rejected() TO ward_app;
