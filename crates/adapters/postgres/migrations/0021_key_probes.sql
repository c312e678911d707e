-- Run as ward_owner. What checks ask of keys: when rotations moved last, and counts of what lies across tenants.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- When something of the rotation changed last.
ALTER TABLE ward.rotation ADD COLUMN moved_at timestamptz;
GRANT UPDATE (moved_at) ON ward.rotation TO ward_app;

-- How many messages the key sealed that sealed most.
CREATE FUNCTION ward.most_messages() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN (SELECT coalesce(max(u.messages), 0) FROM ward.key_use u); END $$;

-- How many keys tenants brought, and at how many of them nobody looked since `since`.
CREATE FUNCTION ward.keys_watched(since timestamptz) RETURNS TABLE (brought bigint, unseen bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT count(*), count(*) FILTER (WHERE k.looked < $1) FROM ward.key_watch k; END $$;

GRANT EXECUTE ON FUNCTION ward.most_messages(), ward.keys_watched(timestamptz) TO ward_app;
