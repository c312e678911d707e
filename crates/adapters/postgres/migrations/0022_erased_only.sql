-- Run as ward_owner. A record of an erasure is put down of who is erased, and of nobody else, however the serving role is driven.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What is stored of a person: keys that open anything, rows that hold something of them or by which they are found, records, former values.
CREATE FUNCTION ward.left_of(whose uuid, person uuid) RETURNS TABLE (keys_left bigint, found_left bigint, records_left bigint, values_left bigint)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Keys are named by what they are for, so that the indexes of a subject's are used.
    RETURN QUERY SELECT
        (SELECT count(*) FROM ward.wrapped_key k WHERE k.tenant = whose AND k.subject = person
            AND (k.purpose = 'subject' OR k.purpose = 'commitment') AND k.bytes IS NOT NULL),
        (SELECT count(*) FROM ward.subject s WHERE s.tenant = whose AND s.id = person AND (s.fields <> '' OR num_nonnulls(
            s.external_ref, s.ref_index, s.email_index, s.phone_index, s.time_zone, s.jurisdiction, s.import_digest) > 0)),
        (SELECT count(*) FROM ward.record r WHERE r.tenant = whose AND r.subject = person),
        (SELECT count(*) FROM ward.audit_value v WHERE v.tenant = whose AND v.subject = person);
END $$;
GRANT EXECUTE ON FUNCTION ward.left_of(uuid, uuid) TO ward_app;

-- A record is refused where it says otherwise than what is found as it is put down: that nothing is left; that the keys are all of that
-- person's, and destroyed; at the time by which the database destroyed them, or, where it is done again, now and since they were made. It refers
-- to them, as no constraint can.
CREATE FUNCTION ward.only_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    left_now bigint;
    gone bigint[];
    first timestamptz;
    last timestamptz;
BEGIN
    SELECT l.keys_left + l.found_left + l.records_left + l.values_left INTO left_now FROM ward.left_of(NEW.tenant, NEW.subject) l;
    IF left_now + NEW.keys_left + NEW.found_left + NEW.records_left + NEW.values_left > 0 THEN
        RAISE EXCEPTION 'somebody is erased of whom nothing is left' USING ERRCODE = '23503';
    END IF;
    SELECT array_agg(k.id), min(k.created_at), max(k.destroyed_at) INTO gone, first, last FROM ward.wrapped_key k
    WHERE k.tenant = NEW.tenant AND k.subject = NEW.subject AND (k.purpose = 'subject' OR k.purpose = 'commitment');
    IF gone IS NULL OR NOT (NEW.keys <@ gone AND NEW.keys @> gone)
        OR NOT EXISTS (SELECT FROM ward.subject s WHERE s.tenant = NEW.tenant AND s.id = NEW.subject) THEN
        RAISE EXCEPTION 'the keys destroyed are those of somebody known' USING ERRCODE = '23503';
    END IF;
    IF NEW.replayed_at IS NULL AND NEW.destroyed_at <> last
        OR NEW.replayed_at NOT BETWEEN last AND clock_timestamp() OR NEW.destroyed_at NOT BETWEEN first - interval '10 minutes' AND coalesce(NEW.replayed_at, last) THEN
        RAISE EXCEPTION 'an erasure is of when the keys were destroyed' USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_erased AFTER INSERT ON ward.key_destroyed FOR EACH ROW EXECUTE FUNCTION ward.only_erased();

-- And whoever is gets no other key: what is put into their row or beside it could not be sealed.
CREATE FUNCTION ward.only_living() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM ward.key_destroyed d WHERE d.tenant = NEW.tenant AND d.subject = NEW.subject) THEN
        RAISE EXCEPTION 'who is erased gets no other key' USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_living AFTER INSERT ON ward.wrapped_key FOR EACH ROW WHEN (NEW.subject IS NOT NULL) EXECUTE FUNCTION ward.only_living();

-- Nothing else can be said.
ALTER TABLE ward.key_destroyed
    ALTER COLUMN keys_left SET DEFAULT 0, ALTER COLUMN found_left SET DEFAULT 0,
    ALTER COLUMN records_left SET DEFAULT 0, ALTER COLUMN values_left SET DEFAULT 0,
    ADD CONSTRAINT key_destroyed_suite CHECK (suite IN ('xchacha20-poly1305', 'aes-256-gcm')) NOT VALID,
    ADD CONSTRAINT key_destroyed_reason CHECK (reason IN ('no_longer_needed', 'consent_withdrawn', 'objected', 'unlawful', 'legal_obligation',
        'childs_consent', 'requested')) NOT VALID;
ALTER TABLE ward.key_destroyed VALIDATE CONSTRAINT key_destroyed_suite, VALIDATE CONSTRAINT key_destroyed_reason;

-- A place in the ledger is a number.
CREATE OR REPLACE FUNCTION ward.place_erasure(whose uuid, person uuid, place bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    is_owed boolean;
BEGIN
    IF place IS NULL THEN RAISE EXCEPTION 'a place is a number' USING ERRCODE = '22004'; END IF;
    INSERT INTO ward.erasure_entry AS e (tenant, subject, number, entered_at, owed)
    VALUES (whose, person, place, clock_timestamp(), true)
    ON CONFLICT (tenant, subject) DO UPDATE
        SET number = coalesce(e.number, EXCLUDED.number), entered_at = coalesce(e.entered_at, EXCLUDED.entered_at)
    RETURNING e.owed INTO is_owed;
    RETURN is_owed;
END $$;

-- Nothing of one of the current tenant's people is here, whoever says so: nothing is owed.
CREATE OR REPLACE FUNCTION ward.settle_erasure(whose uuid, person uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    IF whose IS DISTINCT FROM ward.tenant()
        OR EXISTS (SELECT FROM ward.left_of(whose, person) l WHERE l.keys_left + l.found_left + l.records_left + l.values_left > 0) THEN
        RAISE EXCEPTION 'somebody is erased of whom nothing is left' USING ERRCODE = '23503';
    END IF;
    UPDATE ward.erasure_entry e SET owed = false WHERE e.tenant = whose AND e.subject = person;
END $$;

-- What is owed, by tenant: one whose keys can't be had keeps nobody else from being looked at --------------------------------------------

CREATE INDEX erasure_entry_owing ON ward.erasure_entry (tenant, number) WHERE owed;

-- Tenants of whom erasures are owed.
CREATE FUNCTION ward.tenants_owing() RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT DISTINCT e.tenant FROM ward.erasure_entry e WHERE e.owed; END $$;

-- Erasures that are owed of one of them, the oldest first.
CREATE FUNCTION ward.erasures_owed(whose uuid, most integer) RETURNS TABLE (subject uuid, number bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT e.subject, e.number FROM ward.erasure_entry e
                             WHERE e.owed AND e.tenant = whose ORDER BY e.number LIMIT greatest(least(most, 1000), 0); END $$;

DROP FUNCTION ward.erasures_owed(integer);
DROP INDEX ward.erasure_entry_owed;
GRANT EXECUTE ON FUNCTION ward.tenants_owing(), ward.erasures_owed(uuid, integer) TO ward_app;
