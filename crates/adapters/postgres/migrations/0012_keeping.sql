-- Run as ward_owner. How long logs are kept: months of entries that no rule asks for any more can be dropped, and nothing younger. Hashes stay.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- From which entry on a log is kept, and the entry of it that says so; no row, where all of it is.
CREATE TABLE ward.audit_start (
    tenant uuid NOT NULL DEFAULT ward.tenant() PRIMARY KEY,
    first  bigint NOT NULL CHECK (first > 0),
    entry  uuid NOT NULL
);
SELECT ward.isolate('ward.audit_start');
GRANT SELECT ON ward.audit_start TO ward_app;

-- For how many years logs are kept; for good, where there is no row. Only migrations write it: who serves can't let anything go.
CREATE TABLE ward.audit_keeping (
    years integer NOT NULL CHECK (years >= 6),
    one   boolean PRIMARY KEY DEFAULT true CHECK (one)
);
GRANT SELECT ON ward.audit_keeping TO ward_app;

-- Append-only is what is not pruned: a place below a log's start may go once its entry is gone.
CREATE OR REPLACE FUNCTION ward.forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_RELID = 'ward.audit_place'::regclass THEN
        IF OLD.index < (SELECT s.first FROM ward.audit_start s WHERE s.tenant = OLD.tenant)
            AND NOT EXISTS (SELECT FROM ward.audit_leaf l WHERE l.tenant = OLD.tenant AND l.id = OLD.leaf) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% on % is forbidden: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END $$;

-- So is what finds them.
CREATE OR REPLACE FUNCTION ward.only_found_more() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bit(256) := OLD.hits;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        gone := OLD.hits & ~NEW.hits;
        IF gone = 0::bit(256) THEN RETURN NEW; END IF;
    ELSIF OLD.tile < (SELECT s.first / 256 FROM ward.audit_start s WHERE s.tenant = OLD.tenant) THEN
        RETURN OLD;
    END IF;
    IF NOT OLD.erasable OR EXISTS (
        SELECT FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf
        WHERE p.tenant = OLD.tenant AND p.index >= 256 * OLD.tile AND p.index < 256 * (OLD.tile + 1)
            AND get_bit(gone, (p.index - 256 * OLD.tile)::integer) = 1 AND l.source IS NOT NULL) THEN
        RAISE EXCEPTION 'what was found once is found again' USING ERRCODE = '42501';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- Makes the partition of a month, which begins at midnight in UTC.
CREATE FUNCTION ward.make_month(month timestamp) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    name text := 'audit_leaf_' || to_char(month, 'YYYY_MM');
BEGIN
    EXECUTE format('CREATE TABLE ward.%I (LIKE ward.audit_leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (toast_tuple_target = 8160)', name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ward.%I FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid()', name);
    PERFORM ward.isolate(format('ward.%I', name)::regclass);
    EXECUTE format('ALTER TABLE ward.audit_leaf ATTACH PARTITION ward.%I FOR VALUES FROM (%L) TO (%L)', name,
                   ward.first_id(month AT TIME ZONE 'UTC'), ward.first_id((month + interval '1 month') AT TIME ZONE 'UTC'));
END $$;

-- The months that there are, those to come included.
CREATE FUNCTION ward.months() RETURNS TABLE (month timestamp, part regclass)
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT to_date(right(c.relname, 7), 'YYYY_MM')::timestamp, c.oid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'ward.audit_leaf'::regclass AND c.relname ~ '^audit_leaf_[0-9]{4}_[0-9]{2}$'
$$;

CREATE OR REPLACE FUNCTION ward.keep_months(ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    missing timestamp;
    made integer := 0;
BEGIN
    -- One replica at a time; the month before this one, since an id may be ten minutes older than its entry; no more than are of use,
    -- since every statement has to look at all.
    PERFORM pg_advisory_xact_lock(hashtextextended('ward.keep_months', 0));
    FOR missing IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
                               date_trunc('month', now() AT TIME ZONE 'UTC') + least(greatest(ahead, 0), 3) * interval '1 month', '1 month')
        EXCEPT SELECT m.month FROM ward.months() m
    LOOP
        PERFORM ward.make_month(missing);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- What no rule lets anybody drop --------------------------------------------------------------------------------------------------

-- From which month on everything is kept at `at`: so many years, and as many as migrations were told at least; nothing, if they weren't. Counted are months for which there was room, so that a
-- clock that is ahead makes nothing older than it is; nothing, where there weren't so many.
CREATE FUNCTION ward.kept_from(years integer, at timestamptz) RETURNS timestamp
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT m.month FROM ward.months() m WHERE m.month <= (at - interval '1 day') AT TIME ZONE 'UTC' AND EXISTS (SELECT FROM ward.audit_keeping)
    ORDER BY m.month DESC OFFSET 12 * greatest(years, 6, (SELECT k.years FROM ward.audit_keeping k)) LIMIT 1
$$;

-- The current tenant's first entry that has a place and isn't older than `month`, by its id.
CREATE FUNCTION ward.first_leaf(month timestamp) RETURNS TABLE (leaf uuid, at timestamptz)
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT p.leaf, to_timestamp(('x' || left(p.leaf::text, 8) || substr(p.leaf::text, 10, 4))::bit(48)::bigint / 1000.0)
    FROM ward.audit_place p WHERE p.tenant = ward.tenant() AND p.leaf >= ward.first_id(month AT TIME ZONE 'UTC') ORDER BY p.leaf LIMIT 1
$$;

-- From which entry on the current tenant's log has any that is not older than `month`: all below can go, in whole tiles. What was
-- committed late may stand up to twenty minutes behind what is newer, so that the first entry may stand behind others.
CREATE FUNCTION ward.first_since(month timestamp) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT least((SELECT min(p.index) FROM ward.audit_place p, ward.first_leaf(month) f
                  WHERE p.tenant = ward.tenant() AND p.leaf >= f.leaf AND p.leaf < ward.first_id(f.at + interval '1 hour')), h.size) / 256 * 256
    FROM ward.audit_head h WHERE h.tenant = ward.tenant() AND month IS NOT NULL
$$;

-- Which entry is the first to be kept in the current tenant's log, so that it can say so; nothing, if it can stay as it is.
CREATE FUNCTION ward.prunable(years integer) RETURNS TABLE (first bigint, before date)
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT f.first, k.month::date FROM (SELECT ward.kept_from(years, now()) AS month) k, LATERAL (SELECT ward.first_since(k.month) AS first) f
    WHERE f.first > coalesce((SELECT s.first FROM ward.audit_start s WHERE s.tenant = ward.tenant()), 0)
$$;

-- Has the current tenant's log begin where the entry `said` of it says that it does, which stands under a head and was dated by two clocks:
-- Ward's and this one. Whether the head is signed can't be seen here: the check of logs does.
CREATE FUNCTION ward.prune(said uuid, years integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    since timestamptz;
    wanted bigint;
BEGIN
    SELECT l.at, (l.body::jsonb #>> '{details,first}')::bigint INTO since, wanted
    FROM ward.audit_leaf l JOIN ward.audit_place p ON p.tenant = l.tenant AND p.leaf = l.id
         JOIN ward.audit_head h ON h.tenant = l.tenant AND h.size > p.index
    WHERE l.tenant = ward.tenant() AND l.id = said AND l.body::jsonb ->> 'action' = 'audit.pruned';
    IF wanted IS NULL OR wanted <= 0 OR wanted % 256 <> 0 OR NOT coalesce(wanted <= ward.first_since(ward.kept_from(years, least(since, now()))), false) THEN
        RETURN false;
    END IF;
    INSERT INTO ward.audit_start AS s (first, entry) VALUES (wanted, said)
    ON CONFLICT (tenant) DO UPDATE SET first = excluded.first, entry = excluded.entry WHERE s.first < excluded.first;
    RETURN FOUND;
END $$;

-- Months are dropped for all tenants at once. What they hold of tiles that stay is carried over first, by each tenant for itself: it lies
-- in `audit_leaf_next`, which takes the place of `audit_leaf_rest` when the month goes.
CREATE FUNCTION ward.make_next() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    CREATE TABLE ward.audit_leaf_next (LIKE ward.audit_leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)
        WITH (toast_tuple_target = 8160);
    PERFORM ward.isolate('ward.audit_leaf_next');
END $$;
SELECT ward.make_next();

-- Which tenants have carried over what they keep of a month, the oldest.
CREATE TABLE ward.audit_carried (tenant uuid, month date, PRIMARY KEY (tenant, month));

-- The oldest month, if nothing in it has to be kept.
CREATE FUNCTION ward.droppable(years integer) RETURNS TABLE (month timestamp, part regclass)
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT m.month, m.part FROM ward.months() m WHERE m.month < (SELECT ward.kept_from(years, now())) ORDER BY m.month LIMIT 1
$$;

-- Carries over what the current tenant keeps of the oldest month, if that can go: if its log says so, and a head stands for all of it.
CREATE FUNCTION ward.carry_over(years integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    until uuid;
    next_month timestamp;
    start bigint := coalesce((SELECT s.first FROM ward.audit_start s WHERE s.tenant = ward.tenant()), 0);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('ward.keep_months', 0));
    SELECT d.month + interval '1 month' INTO next_month FROM ward.droppable(years) d;
    until := ward.first_id(next_month AT TIME ZONE 'UTC');
    IF until IS NULL OR ward.tenant() IS NULL THEN
        RETURN true;
    ELSIF start < ward.first_since(next_month) OR EXISTS (
        SELECT FROM ward.audit_leaf l WHERE l.tenant = ward.tenant() AND l.id < until AND NOT EXISTS (
            SELECT FROM ward.audit_place p JOIN ward.audit_head h ON h.tenant = p.tenant AND h.size > p.index
            WHERE p.tenant = ward.tenant() AND p.leaf = l.id)) THEN
        RETURN false;
    END IF;
    INSERT INTO ward.audit_carried VALUES (ward.tenant(), next_month - interval '1 month') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN true; END IF;
    INSERT INTO ward.audit_leaf_next
    SELECT l.* FROM ward.audit_leaf l JOIN ward.audit_place p ON p.tenant = l.tenant AND p.leaf = l.id
    WHERE l.tenant = ward.tenant() AND l.id < until AND p.index >= start;
    RETURN true;
END $$;

-- Drops the oldest month, if nothing in it has to be kept and every tenant that has entries in it is ready; says which.
CREATE FUNCTION ward.drop_month(years integer) RETURNS date
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    oldest record;
    part regclass;
    missing uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ward.keep_months', 0));
    SELECT * INTO oldest FROM ward.droppable(years);
    IF NOT FOUND THEN RETURN NULL; END IF;
    PERFORM set_config('lock_timeout', '200ms', true); -- everybody else waits behind this
    LOCK TABLE ONLY ward.audit_leaf IN ACCESS EXCLUSIVE MODE; -- first, as whoever reads or writes it does
    ALTER TABLE ward.audit_leaf_next NO FORCE ROW LEVEL SECURITY;
    FOREACH part IN ARRAY array_remove(ARRAY[oldest.part, to_regclass('ward.audit_leaf_rest')], NULL) LOOP
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', part); -- whoever has entries in it, known or not
        EXECUTE format('
            WITH RECURSIVE t AS ((SELECT x.tenant FROM %1$s x ORDER BY x.tenant LIMIT 1)
                UNION ALL SELECT n.* FROM t, LATERAL (SELECT x.tenant FROM %1$s x WHERE x.tenant > t.tenant ORDER BY x.tenant LIMIT 1) n)
            SELECT t.tenant FROM t WHERE NOT EXISTS (SELECT FROM ward.audit_carried c WHERE c.tenant = t.tenant AND c.month = $1) LIMIT 1', part)
            INTO missing USING oldest.month::date;
        IF missing IS NOT NULL THEN
            RAISE EXCEPTION 'the log of tenant % still has to keep what is in %', missing, part USING ERRCODE = '55000';
        END IF;
        EXECUTE format('UPDATE ward.audit_leaf_next n SET source = NULL FROM %s x
            WHERE x.tenant = n.tenant AND x.id = n.id AND x.source IS NULL AND n.source IS NOT NULL', part); -- erased since it was carried over
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
    ALTER TABLE ward.audit_leaf_next FORCE ROW LEVEL SECURITY;
    ALTER TABLE ward.audit_leaf_next RENAME TO audit_leaf_rest;
    ALTER INDEX ward.audit_leaf_next_pkey RENAME TO audit_leaf_rest_pkey;
    CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ward.audit_leaf_rest FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid();
    EXECUTE format('ALTER TABLE ward.audit_leaf ATTACH PARTITION ward.audit_leaf_rest FOR VALUES FROM (MINVALUE) TO (%L)',
                   ward.first_id((oldest.month + interval '1 month') AT TIME ZONE 'UTC'));
    PERFORM ward.make_next();
    DELETE FROM ward.audit_carried;
    RETURN oldest.month;
END $$;

-- Forgets where pruned entries of the current tenant stood, up to `most` of them, and what was kept beside them; says how many.
CREATE FUNCTION ward.forget_places(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    places integer;
BEGIN
    WITH
        gone AS (
            DELETE FROM ward.audit_place d WHERE d.tenant = ward.tenant() AND d.index IN (
                SELECT p.index FROM ward.audit_place p JOIN ward.audit_start s ON s.tenant = p.tenant AND s.first > p.index
                WHERE p.tenant = ward.tenant() AND NOT EXISTS (SELECT FROM ward.audit_leaf l WHERE l.tenant = p.tenant AND l.id = p.leaf)
                ORDER BY p.index LIMIT least(most, 10000))
            RETURNING d.leaf),
        beside AS (DELETE FROM ward.audit_value v USING gone g WHERE v.tenant = ward.tenant() AND v.event = g.leaf)
        SELECT count(*) INTO places FROM gone;
    RETURN places;
END $$;

-- Forgets in which pruned tiles of the current tenant words occur: of up to `most` words after one. Says at which to go on; nothing,
-- where there are no more.
CREATE FUNCTION ward.forget_words(after bigint, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    last bigint := after;
    start bigint := coalesce((SELECT s.first FROM ward.audit_start s WHERE s.tenant = ward.tenant()), 0);
BEGIN
    FOR n IN 1 .. least(most, 10000) LOOP
        SELECT w.word INTO last FROM ward.audit_word w WHERE w.tenant = ward.tenant() AND (last IS NULL OR w.word > last) ORDER BY w.word LIMIT 1;
        EXIT WHEN last IS NULL;
        DELETE FROM ward.audit_word w WHERE w.tenant = ward.tenant() AND w.word = last AND w.tile < start / 256;
    END LOOP;
    RETURN last;
END $$;

GRANT EXECUTE ON FUNCTION ward.months(), ward.kept_from(integer, timestamptz), ward.first_since(timestamp), ward.first_leaf(timestamp), ward.first_id(timestamptz),
    ward.prunable(integer), ward.prune(uuid, integer), ward.carry_over(integer), ward.drop_month(integer), ward.forget_places(integer),
    ward.forget_words(bigint, integer) TO ward_app;
