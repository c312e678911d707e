-- Run as ward_owner. Keys that follow others: under load, in steps that each leave everything readable.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- A key that is destroyed leaves its row: its id means that key for good, and whose it was gets no other.
ALTER TABLE ward.wrapped_key
    ALTER COLUMN bytes DROP NOT NULL,
    ADD COLUMN destroyed_at timestamptz,
    ADD COLUMN lent boolean NOT NULL DEFAULT false, -- it seals columns of a product's own tables, which nobody here could seal anew
    ADD CONSTRAINT wrapped_key_destroyed CHECK (bytes IS NOT NULL OR destroyed_at IS NOT NULL),
    DROP CONSTRAINT wrapped_key_check,
    ADD CONSTRAINT wrapped_key_owner CHECK ((purpose IN ('subject', 'commitment')) = (subject IS NOT NULL));
DROP INDEX ward.wrapped_key_subject;
CREATE UNIQUE INDEX wrapped_key_subject ON ward.wrapped_key (tenant, subject) WHERE purpose = 'subject';
CREATE INDEX wrapped_key_left ON ward.wrapped_key (tenant, subject) WHERE purpose = 'commitment';

-- What may become of a key: it is wrapped anew, as what it is; of a subject's stays what checks commitments; it is destroyed. Nothing else, and
-- nothing any more once it is destroyed. Its time is the database's.
CREATE FUNCTION ward.only_turn() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept record := NEW;
BEGIN
    IF OLD.destroyed_at IS NULL AND NEW.bytes IS NULL THEN
        NEW.destroyed_at := clock_timestamp();
        kept.destroyed_at := OLD.destroyed_at;
        kept.bytes := OLD.bytes;
    ELSIF OLD.destroyed_at IS NULL AND OLD.purpose = 'subject' AND NEW.purpose = 'commitment' THEN
        kept.purpose := OLD.purpose;
        kept.bytes := OLD.bytes;
        kept.commitment := OLD.commitment;
    ELSIF OLD.destroyed_at IS NULL THEN
        kept.bytes := OLD.bytes;
        IF NEW.lent THEN kept.lent := OLD.lent; END IF;
    END IF;
    IF kept IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'a key is wrapped anew or destroyed, and stays what it is' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER only_turn BEFORE UPDATE ON ward.wrapped_key FOR EACH ROW EXECUTE FUNCTION ward.only_turn();
GRANT UPDATE (purpose, bytes, commitment, destroyed_at, lent) ON ward.wrapped_key TO ward_app;

-- What is sealed anew.
GRANT UPDATE (sealed) ON ward.audit_value TO ward_app;
GRANT UPDATE (owner) ON ward.tenant TO ward_app;

-- Rotations, one at a time for each kind of key of a tenant.
CREATE TABLE ward.rotation (
    tenant   uuid NOT NULL DEFAULT ward.tenant(),
    id       uuid NOT NULL,
    purpose  text NOT NULL,
    state    text NOT NULL CHECK (state IN ('running', 'paused', 'ended')),
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    total    bigint CHECK (total >= 0),  -- rows to move, once they are counted
    done     bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
    after    uuid,                       -- the last row that was moved
    PRIMARY KEY (tenant, id),
    CHECK (state <> 'ended' OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX rotation_under_way ON ward.rotation (tenant, purpose) WHERE state <> 'ended';
SELECT ward.isolate('ward.rotation');
GRANT SELECT, INSERT, UPDATE (state, ended_at, total, done, after) ON ward.rotation TO ward_app;
