-- Run as ward_owner. What a review of the first schema found too wide.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- No use case removes a subject.
REVOKE DELETE ON ward.subject FROM ward_app;

CREATE OR REPLACE FUNCTION ward.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(pg_catalog.current_setting('ward.tenant', true), '')::uuid $$;

-- A key has one digest; and is found by its id alone when its use is noted.
DROP INDEX ward.api_key_lookup_id;
CREATE UNIQUE INDEX api_key_lookup_id ON ward.api_key_lookup (id);

-- What was ended stays ended.
CREATE FUNCTION ward.keep_revoked() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'a key that was revoked stays so' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_revoked BEFORE UPDATE ON ward.api_key FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL)
    EXECUTE FUNCTION ward.keep_revoked();
CREATE TRIGGER keep_revoked BEFORE UPDATE ON ward.api_key_lookup FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL)
    EXECUTE FUNCTION ward.keep_revoked();
