-- Run as ward_owner. How many messages were sealed under a key whose suite bears only so many: ids and numbers.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE ward.key_use (
    tenant   uuid NOT NULL,
    key      bigint NOT NULL,
    messages bigint NOT NULL CHECK (messages >= 0),
    PRIMARY KEY (tenant, key)
);

-- Adds what a replica counted.
CREATE FUNCTION ward.count_messages(whose uuid[], keys bigint[], counts bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    INSERT INTO ward.key_use AS u (tenant, key, messages)
    SELECT n.tenant, n.key, n.messages FROM unnest(whose, keys, counts) n (tenant, key, messages)
    WHERE n.messages > 0 ORDER BY n.tenant, n.key
    ON CONFLICT (tenant, key) DO UPDATE SET messages = u.messages + EXCLUDED.messages;
END $$;

-- For which purposes the newest of the current tenant's keys sealed `most` messages or more.
CREATE FUNCTION ward.worn_keys(most bigint) RETURNS SETOF text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT k.purpose FROM ward.key_use u JOIN ward.wrapped_key k ON k.tenant = u.tenant AND k.id = u.key
    WHERE u.tenant = ward.tenant() AND u.messages >= most AND k.subject IS NULL AND NOT EXISTS (
        SELECT FROM ward.wrapped_key n
        WHERE n.tenant = k.tenant AND n.purpose = k.purpose AND n.subject IS NULL AND n.bytes IS NOT NULL AND n.id > k.id);
END $$;

GRANT EXECUTE ON FUNCTION ward.count_messages(uuid[], bigint[], bigint[]), ward.worn_keys(bigint) TO ward_app;
