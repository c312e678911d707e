-- Run as ward_owner. Tenants that bring a key service of their own: where it is, who is told when their keys change, and how it is with each.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Who wraps the tenant's own key, unless it is the deployment.
CREATE TABLE ward.external_key (
    tenant     uuid NOT NULL DEFAULT ward.tenant() PRIMARY KEY,
    address    text NOT NULL CHECK (length(address) BETWEEN 1 AND 2048),
    since      timestamptz NOT NULL,
    maker_kind text NOT NULL CHECK (maker_kind IN ('user', 'api_key', 'system')),
    maker      uuid,
    owner      bytea,      -- sealed under the deployment's keys: whom to tell that the tenant's can't be had
    noted      timestamptz -- since when the key is there again, as the tenant's own log has it
);
SELECT ward.isolate('ward.external_key');
GRANT SELECT, INSERT (tenant, address, since, maker_kind, maker, owner), UPDATE (address, since, maker_kind, maker, owner, noted), DELETE
    ON ward.external_key TO ward_app;

-- Who keeps keys of this tenant is to forget them.
CREATE FUNCTION ward.tell_of_keys() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('ward_keys', coalesce(NEW.tenant, OLD.tenant)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_added AFTER INSERT ON ward.wrapped_key FOR EACH ROW WHEN (NEW.subject IS NULL) EXECUTE FUNCTION ward.tell_of_keys();
CREATE TRIGGER tell_of_changed AFTER UPDATE ON ward.wrapped_key FOR EACH ROW WHEN (NEW.subject IS NULL) EXECUTE FUNCTION ward.tell_of_keys();
CREATE TRIGGER tell_of_removed AFTER DELETE ON ward.wrapped_key FOR EACH ROW WHEN (OLD.subject IS NULL) EXECUTE FUNCTION ward.tell_of_keys();
CREATE TRIGGER tell_of_keys AFTER INSERT OR UPDATE OF address OR DELETE ON ward.external_key
    FOR EACH ROW EXECUTE FUNCTION ward.tell_of_keys();

-- How it is with the keys that tenants brought: ids, states and times, for the one replica that looks and all that do without -----------

CREATE TABLE ward.key_watch (
    tenant  uuid PRIMARY KEY,
    state   text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'refused', 'unavailable')),
    since   timestamptz NOT NULL,
    missed  timestamptz, -- since when it couldn't be reached
    looked  timestamptz NOT NULL
);
CREATE INDEX key_watch_dark ON ward.key_watch (tenant) WHERE state <> 'held';

-- Has the current tenant's key watched from `at` on, or no more.
CREATE FUNCTION ward.watch_key(at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    IF at IS NULL THEN
        DELETE FROM ward.key_watch k WHERE k.tenant = ward.tenant();
    ELSE
        INSERT INTO ward.key_watch AS k (tenant, since, looked) VALUES (ward.tenant(), at, at)
        ON CONFLICT (tenant) DO UPDATE SET state = 'held', since = at, missed = NULL, looked = at;
    END IF;
END $$;

-- Takes up to `most` keys that nobody looked at for `pause`; no other is given them for as long.
CREATE FUNCTION ward.keys_to_look_at(at timestamptz, pause interval, most integer)
    RETURNS TABLE (tenant uuid, state text, since timestamptz, missed timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE ward.key_watch k SET looked = at
    FROM (SELECT w.tenant FROM ward.key_watch w
          WHERE w.looked <= at - pause OR w.looked > at + pause -- by a clock that was set back since
          ORDER BY w.looked LIMIT greatest(least(most, 1000), 0) FOR UPDATE SKIP LOCKED) due
    WHERE k.tenant = due.tenant
    RETURNING k.tenant, k.state, k.since, k.missed;
END $$;

-- Notes how it is with a key, if it is still as `was_state` and `was_since` say; whoever keeps a refused one forgets it.
CREATE FUNCTION ward.note_key(whose uuid, was_state text, was_since timestamptz, is_state text, at timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.key_watch k SET state = is_state, since = at, missed = NULL
    WHERE k.tenant = whose AND k.state = was_state AND k.since = was_since;
    IF FOUND THEN PERFORM pg_notify('ward_keys', whose::text); END IF;
    RETURN FOUND;
END $$;

-- Notes since when a key can't be reached, or that it can again.
CREATE FUNCTION ward.miss_key(whose uuid, at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN UPDATE ward.key_watch k SET missed = at WHERE k.tenant = whose; END $$;

-- The tenants whose keys aren't to be had: their work waits.
CREATE FUNCTION ward.dark_tenants(most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT k.tenant FROM ward.key_watch k WHERE k.state <> 'held' LIMIT greatest(least(most, 100000), 0); END $$;

GRANT EXECUTE ON FUNCTION ward.watch_key(timestamptz), ward.keys_to_look_at(timestamptz, interval, integer),
    ward.note_key(uuid, text, timestamptz, text, timestamptz), ward.miss_key(uuid, timestamptz), ward.dark_tenants(integer) TO ward_app;

-- The same as before, but for tenants whose keys aren't to be had: their logs grow when they are again.
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
        SELECT next.tenant, next.first FROM next
        WHERE NOT EXISTS (SELECT FROM ward.key_watch k WHERE k.tenant = next.tenant AND k.state <> 'held')
        ORDER BY next.first LIMIT greatest(least(most, 10000), 0);
END $$;
