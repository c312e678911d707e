-- Run as ward_owner. What the check of logs looks at besides the tree: here, what the index of words says of a tile. Making the index below
-- lets no log grow meanwhile; nobody who writes or reads one waits for it.
CREATE INDEX audit_word_of_tile ON ward.audit_word (tenant, tile);

-- Leaves of the current tenant that were set aside, those first that were so longest ago.
DROP FUNCTION ward.leaves_rejected();
CREATE FUNCTION ward.leaves_rejected() RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT unnest(w.leaves) FROM ward.audit_waiting w WHERE w.tenant = ward.tenant() AND w.rejected_at IS NOT NULL
        ORDER BY w.rejected_at, w.first LIMIT 1000;
END $$;
GRANT EXECUTE ON FUNCTION ward.leaves_rejected() TO ward_app;

-- No entry was written at the end of time, which not every program can read.
ALTER TABLE ward.audit_head ADD CHECK (latest BETWEEN '0001-01-01Z' AND '9999-12-31Z');
ALTER TABLE ward.audit_tile ADD CHECK (latest BETWEEN '0001-01-01Z' AND '9999-12-31Z');

-- Nobody waits for nothing, which no step could take.
ALTER TABLE ward.audit_waiting ADD CHECK (cardinality(leaves) > 0 AND array_position(leaves, NULL) IS NULL);

-- How far each log was looked at again.
CREATE TABLE ward.audit_look (
    tenant uuid NOT NULL DEFAULT ward.tenant() PRIMARY KEY,
    tile   bigint NOT NULL CHECK (tile >= 0), -- the first that is still to be looked at
    leaf   uuid NOT NULL, -- the last that was seen to have a place, or to wait for one
    at     timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01Z' AND '9999-12-31Z') -- when that was, if it was found sound; else long ago
) WITH (fillfactor = 50); -- it changes all the time
SELECT ward.isolate('ward.audit_look');
GRANT SELECT, INSERT, UPDATE (tile, leaf, at) ON ward.audit_look TO ward_app;

-- Looks through `most` leaves of the current tenant behind `after` for those that have no place and wait for none, and lets them wait for
-- one. One statement, whose snapshot holds a leaf with its unit's row of the list, or with its place. Nothing is reached at the end.
CREATE FUNCTION ward.enlist_leaves(after uuid, most integer) RETURNS TABLE (reached uuid, enlisted uuid[])
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY WITH
        these AS MATERIALIZED (
            SELECT l.id FROM ward.audit_leaf l WHERE l.tenant = ward.tenant() AND l.id > after ORDER BY l.id LIMIT least(most, 20000)),
        lost AS MATERIALIZED (
            SELECT s.id FROM these s WHERE NOT EXISTS (SELECT FROM ward.audit_place p WHERE p.tenant = ward.tenant() AND p.leaf = s.id)
                AND NOT EXISTS (SELECT FROM ward.audit_waiting w, unnest(w.leaves) u(id) WHERE w.tenant = ward.tenant() AND u.id = s.id)),
        listed AS (
            INSERT INTO ward.audit_waiting (tenant, first, leaves) SELECT ward.tenant(), l.id, ARRAY[l.id] FROM lost l
            ON CONFLICT DO NOTHING RETURNING first)
        SELECT (SELECT s.id FROM these s ORDER BY s.id OFFSET least(most, 20000) - 1 LIMIT 1), ARRAY(SELECT l.first FROM listed l);
END $$;

-- Lets leaves of the current tenant wait again that were set aside, those first that were so longest ago.
CREATE FUNCTION ward.retry_leaves(most integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.audit_waiting w SET rejected_at = NULL WHERE w.tenant = ward.tenant() AND w.rejected_at IS NOT NULL AND w.first IN (
        SELECT a.first FROM ward.audit_waiting a WHERE a.tenant = ward.tenant() AND a.rejected_at IS NOT NULL
        ORDER BY a.rejected_at, a.first LIMIT least(most, 1000));
END $$;
GRANT EXECUTE ON FUNCTION ward.enlist_leaves(uuid, integer), ward.retry_leaves(integer) TO ward_app;
