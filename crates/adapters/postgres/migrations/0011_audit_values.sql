-- Run as ward_owner. What is personal lies beside the log, and can be erased: the values that changes replaced, sealed as their rows held
-- them, and where requests came from.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE ward.audit_value (
    tenant     uuid NOT NULL DEFAULT ward.tenant(),
    subject    uuid NOT NULL, -- whose key opens it
    commitment bytea NOT NULL CHECK (length(commitment) = 32), -- what the log has of it
    event      uuid NOT NULL, -- the entry that says that it was replaced
    record     uuid,          -- which record held it; the subject's own row, if none
    field      text NOT NULL,
    sealed     bytea NOT NULL,
    PRIMARY KEY (tenant, subject, commitment)
);
SELECT ward.isolate('ward.audit_value');
GRANT SELECT, INSERT, DELETE ON ward.audit_value TO ward_app;

-- Of an entry nothing changes, but that where its request came from is erased: its leaf holds a commitment to that, under a salt which goes
-- with it.
CREATE FUNCTION ward.only_erase() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept record := NEW;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.source IS NULL THEN
        kept.source := OLD.source;
        IF kept IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
    END IF;
    RAISE EXCEPTION '% on % is forbidden: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION ward.only_erase();
GRANT UPDATE (source) ON ward.audit_leaf TO ward_app;

-- What was found once is found again, but by the address of a request that was erased. What is in the index already can't be told apart:
-- the check of logs works it out anew.
TRUNCATE ward.audit_word;
ALTER TABLE ward.audit_word ADD COLUMN erasable boolean NOT NULL DEFAULT false; -- the word is an address
CREATE OR REPLACE FUNCTION ward.only_found_more() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bit(256) := OLD.hits;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        gone := OLD.hits & ~NEW.hits;
        IF gone = 0::bit(256) THEN RETURN NEW; END IF;
    END IF;
    IF NOT OLD.erasable OR EXISTS (
        SELECT FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf
        WHERE p.tenant = OLD.tenant AND p.index >= 256 * OLD.tile AND p.index < 256 * (OLD.tile + 1)
            AND get_bit(gone, (p.index - 256 * OLD.tile)::integer) = 1 AND l.source IS NOT NULL) THEN
        RAISE EXCEPTION 'what was found once is found again' USING ERRCODE = '42501';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE OR REPLACE TRIGGER only_found_more BEFORE UPDATE OR DELETE ON ward.audit_word FOR EACH ROW EXECUTE FUNCTION ward.only_found_more();
GRANT DELETE ON ward.audit_word TO ward_app;
