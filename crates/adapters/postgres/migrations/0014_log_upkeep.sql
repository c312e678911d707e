-- Run as ward_owner. What is dropped of logs is forgotten however often that was cut short, and no number that is asked for is refused.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- A value goes with the latest entry that replaced it: a row that was put back as it was may hold it again.
GRANT UPDATE (event) ON ward.audit_value TO ward_app;
CREATE INDEX audit_value_of_entry ON ward.audit_value (tenant, event);

-- Forgets in which pruned tiles of the current tenant words occur, up to `most` times; says how often.
DROP FUNCTION ward.forget_words(bigint, integer);
CREATE FUNCTION ward.forget_words(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    words integer;
    start bigint := coalesce((SELECT s.first FROM ward.audit_start s WHERE s.tenant = ward.tenant()), 0);
BEGIN
    DELETE FROM ward.audit_word d WHERE d.tenant = ward.tenant() AND (d.word, d.tile) IN (
        SELECT w.word, w.tile FROM ward.audit_word w WHERE w.tenant = ward.tenant() AND w.tile < start / 256
        ORDER BY w.tile LIMIT greatest(least(most, 10000), 0));
    GET DIAGNOSTICS words = ROW_COUNT;
    RETURN words;
END $$;
GRANT EXECUTE ON FUNCTION ward.forget_words(integer) TO ward_app;

-- The same as before, whatever number is asked for ---------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION ward.kept_from(years integer, at timestamptz) RETURNS timestamp
    LANGUAGE sql STABLE SET search_path = pg_catalog, ward, pg_temp AS $$
    SELECT m.month FROM ward.months() m WHERE m.month <= (at - interval '1 day') AT TIME ZONE 'UTC' AND EXISTS (SELECT FROM ward.audit_keeping)
    ORDER BY m.month DESC OFFSET 12::bigint * greatest(years, 6, (SELECT k.years FROM ward.audit_keeping k)) LIMIT 1
$$;

CREATE OR REPLACE FUNCTION ward.forget_places(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    places integer;
BEGIN
    WITH
        gone AS (
            DELETE FROM ward.audit_place d WHERE d.tenant = ward.tenant() AND d.index IN (
                SELECT p.index FROM ward.audit_place p JOIN ward.audit_start s ON s.tenant = p.tenant AND s.first > p.index
                WHERE p.tenant = ward.tenant() AND NOT EXISTS (SELECT FROM ward.audit_leaf l WHERE l.tenant = p.tenant AND l.id = p.leaf)
                ORDER BY p.index LIMIT greatest(least(most, 10000), 0))
            RETURNING d.leaf),
        beside AS (DELETE FROM ward.audit_value v USING gone g WHERE v.tenant = ward.tenant() AND v.event = g.leaf)
        SELECT count(*) INTO places FROM gone;
    RETURN places;
END $$;

CREATE OR REPLACE FUNCTION ward.awaiting_place(most integer) RETURNS TABLE (tenant uuid, first uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    -- From tenant to tenant, however much waits of each.
    RETURN QUERY WITH RECURSIVE next AS (
        (SELECT w.tenant, w.first FROM ward.audit_waiting w WHERE w.rejected_at IS NULL ORDER BY w.tenant, w.first LIMIT 1)
        UNION ALL
        SELECT n.* FROM next, LATERAL (
            SELECT w.tenant, w.first FROM ward.audit_waiting w WHERE w.rejected_at IS NULL AND w.tenant > next.tenant
            ORDER BY w.tenant, w.first LIMIT 1) n)
        SELECT next.tenant, next.first FROM next ORDER BY next.first LIMIT greatest(least(most, 10000), 0);
END $$;

CREATE OR REPLACE FUNCTION ward.waiting_leaves(most integer) RETURNS TABLE (first uuid, leaves uuid[])
    LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT u.first, u.leaves FROM (
        SELECT w.first, w.leaves, sum(cardinality(w.leaves)) OVER (ORDER BY w.first) - cardinality(w.leaves) AS before
        FROM ward.audit_waiting w WHERE w.tenant = ward.tenant() AND w.rejected_at IS NULL ORDER BY w.first LIMIT greatest(most, 0)) u
    WHERE u.before < most ORDER BY u.first;
END $$;

CREATE OR REPLACE FUNCTION ward.enlist_leaves(after uuid, most integer) RETURNS TABLE (reached uuid, enlisted uuid[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    few integer := greatest(least(most, 20000), 1);
BEGIN
    RETURN QUERY WITH
        these AS MATERIALIZED (
            SELECT l.id FROM ward.audit_leaf l WHERE l.tenant = ward.tenant() AND l.id > after ORDER BY l.id LIMIT few),
        lost AS MATERIALIZED (
            SELECT s.id FROM these s WHERE NOT EXISTS (SELECT FROM ward.audit_place p WHERE p.tenant = ward.tenant() AND p.leaf = s.id)
                AND NOT EXISTS (SELECT FROM ward.audit_waiting w, unnest(w.leaves) u(id) WHERE w.tenant = ward.tenant() AND u.id = s.id)),
        listed AS (
            INSERT INTO ward.audit_waiting (tenant, first, leaves) SELECT ward.tenant(), l.id, ARRAY[l.id] FROM lost l
            ON CONFLICT DO NOTHING RETURNING first)
        SELECT (SELECT s.id FROM these s ORDER BY s.id OFFSET few - 1 LIMIT 1), ARRAY(SELECT l.first FROM listed l);
END $$;

CREATE OR REPLACE FUNCTION ward.retry_leaves(most integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.audit_waiting w SET rejected_at = NULL WHERE w.tenant = ward.tenant() AND w.rejected_at IS NOT NULL AND w.first IN (
        SELECT a.first FROM ward.audit_waiting a WHERE a.tenant = ward.tenant() AND a.rejected_at IS NOT NULL
        ORDER BY a.rejected_at, a.first LIMIT greatest(least(most, 1000), 0));
END $$;

CREATE OR REPLACE FUNCTION ward.tenants(after uuid, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT d.tenant FROM ward.tenant_directory d WHERE after IS NULL OR d.tenant > after
                             ORDER BY d.tenant LIMIT greatest(least(most, 1000), 0); END $$;

CREATE OR REPLACE FUNCTION ward.lease_jobs(kinds text[], most integer, seconds integer)
    RETURNS TABLE (tenant uuid, id uuid, kind text, attempts integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE ward.job_lease l SET leased_until = clock_timestamp() + make_interval(secs => $3), attempts = l.attempts + 1
    FROM (SELECT d.tenant, d.id FROM ward.job_lease d
          WHERE d.kind = ANY ($1) AND d.run_at <= clock_timestamp()
            AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp())
          ORDER BY d.run_at LIMIT greatest(least($2, 100), 0) FOR UPDATE SKIP LOCKED) due
    WHERE l.tenant = due.tenant AND l.id = due.id
    RETURNING l.tenant, l.id, l.kind, l.attempts;
END $$;
