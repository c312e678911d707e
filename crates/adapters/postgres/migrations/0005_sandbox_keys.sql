-- A live key acts in the tenant that made it, a test key in that tenant's sandbox: a sandbox is its own.
CREATE OR REPLACE FUNCTION ward.publish_api_key(digest bytea, id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    INSERT INTO ward.api_key_lookup (digest, owner, tenant, id, permissions, expires_at, revoked_at)
    SELECT $1, k.tenant, CASE WHEN k.mode = 'test' AND t.live IS NULL THEN t.sandbox ELSE k.tenant END,
           k.id, k.permissions, k.expires_at, k.revoked_at
    FROM ward.api_key k JOIN ward.tenant t ON t.tenant = k.tenant
    WHERE k.tenant = ward.tenant() AND k.id = $2;
    IF NOT FOUND THEN RAISE EXCEPTION 'no such key' USING ERRCODE = 'P0002'; END IF;
END $$;
