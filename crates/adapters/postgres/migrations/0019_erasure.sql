-- Run as ward_owner. People are erased by the destruction of their keys, and stay erased when a backup is restored.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What was destroyed, what was found to be left of it in the same transaction, and until when backups may hold it.
CREATE TABLE ward.key_destroyed (
    tenant       uuid NOT NULL DEFAULT ward.tenant(),
    subject      uuid NOT NULL,
    keys         bigint[] NOT NULL,
    suite        text NOT NULL,
    reason       text NOT NULL,
    destroyed_at timestamptz NOT NULL,
    records_gone bigint NOT NULL CHECK (records_gone >= 0),
    values_gone  bigint NOT NULL CHECK (values_gone >= 0),
    keys_left    bigint NOT NULL CHECK (keys_left >= 0),
    found_left   bigint NOT NULL CHECK (found_left >= 0),
    records_left bigint NOT NULL CHECK (records_left >= 0),
    values_left  bigint NOT NULL CHECK (values_left >= 0),
    kept_days    integer CHECK (kept_days >= 0), -- for how long backups are kept, if anybody said
    replayed_at  timestamptz,                    -- when it was done again, after a restore
    PRIMARY KEY (tenant, subject)
);
SELECT ward.isolate('ward.key_destroyed');
SELECT ward.append_only('ward.key_destroyed');
GRANT SELECT, INSERT ON ward.key_destroyed TO ward_app;

-- The database's side of the ledger, which lies elsewhere: ids, numbers and times, for whoever compares the two across tenants -----------

CREATE TABLE ward.erasure_entry (
    tenant       uuid NOT NULL,
    subject      uuid NOT NULL,
    keys         bigint[] NOT NULL DEFAULT '{}',
    reason       text NOT NULL DEFAULT '',
    destroyed_at timestamptz,
    number       bigint UNIQUE CHECK (number > 0), -- its place in the ledger, once it has one
    entered_at   timestamptz,
    owed         boolean NOT NULL DEFAULT false,   -- the ledger has it, and here it is still to be done
    PRIMARY KEY (tenant, subject)
);
CREATE INDEX erasure_entry_new ON ward.erasure_entry (destroyed_at) WHERE number IS NULL;
CREATE INDEX erasure_entry_owed ON ward.erasure_entry (number) WHERE owed;

-- Has an erasure of the current tenant's entered into the ledger, or no longer owed.
CREATE FUNCTION ward.enter_erasure(person uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    INSERT INTO ward.erasure_entry AS e (tenant, subject, keys, reason, destroyed_at)
    SELECT d.tenant, d.subject, d.keys, d.reason, d.destroyed_at FROM ward.key_destroyed d
    WHERE d.tenant = ward.tenant() AND d.subject = person
    ON CONFLICT (tenant, subject) DO UPDATE
        SET owed = false, keys = EXCLUDED.keys, reason = EXCLUDED.reason, destroyed_at = EXCLUDED.destroyed_at;
    IF NOT FOUND THEN RAISE EXCEPTION 'no such erasure' USING ERRCODE = 'P0002'; END IF;
END $$;

-- Where an erasure of the current tenant's stands in the ledger.
CREATE FUNCTION ward.erasure_place(person uuid) RETURNS TABLE (number bigint, entered_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT e.number, e.entered_at FROM ward.erasure_entry e
                             WHERE e.tenant = ward.tenant() AND e.subject = person AND e.number IS NOT NULL; END $$;

-- The last place in the ledger that this database knows.
CREATE FUNCTION ward.last_erasure() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN (SELECT coalesce(max(e.number), 0) FROM ward.erasure_entry e); END $$;

-- Erasures that have no place in the ledger yet, the oldest first.
CREATE FUNCTION ward.erasures_to_enter(most integer)
    RETURNS TABLE (tenant uuid, subject uuid, keys bigint[], reason text, destroyed_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT e.tenant, e.subject, e.keys, e.reason, e.destroyed_at FROM ward.erasure_entry e
                             WHERE e.number IS NULL ORDER BY e.destroyed_at LIMIT greatest(least(most, 1000), 0); END $$;

-- Notes the place of an erasure in the ledger, which it keeps. One that isn't known here is owed from now on; says whether that is so.
CREATE FUNCTION ward.place_erasure(whose uuid, person uuid, place bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    is_owed boolean;
BEGIN
    INSERT INTO ward.erasure_entry AS e (tenant, subject, number, entered_at, owed)
    VALUES (whose, person, place, clock_timestamp(), true)
    ON CONFLICT (tenant, subject) DO UPDATE
        SET number = coalesce(e.number, EXCLUDED.number), entered_at = coalesce(e.entered_at, EXCLUDED.entered_at)
    RETURNING e.owed INTO is_owed;
    RETURN is_owed;
END $$;

-- Erasures that are owed, the oldest first.
CREATE FUNCTION ward.erasures_owed(most integer) RETURNS TABLE (tenant uuid, subject uuid, number bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT e.tenant, e.subject, e.number FROM ward.erasure_entry e
                             WHERE e.owed ORDER BY e.number LIMIT greatest(least(most, 10000), 0); END $$;

-- Nothing of the person is here: nothing is owed.
CREATE FUNCTION ward.settle_erasure(whose uuid, person uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN UPDATE ward.erasure_entry e SET owed = false WHERE e.tenant = whose AND e.subject = person; END $$;

GRANT EXECUTE ON FUNCTION ward.enter_erasure(uuid), ward.erasure_place(uuid), ward.last_erasure(), ward.erasures_to_enter(integer),
    ward.place_erasure(uuid, uuid, bigint), ward.erasures_owed(integer), ward.settle_erasure(uuid, uuid) TO ward_app;
