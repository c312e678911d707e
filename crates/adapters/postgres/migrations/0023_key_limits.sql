-- Run as ward_owner. What bounds how much a key seals, and why work that is tried again failed: ids, numbers and words.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- How many messages each of the current tenant's keys sealed, of those that are counted.
CREATE FUNCTION ward.messages_sealed() RETURNS TABLE (key bigint, messages bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT u.key, u.messages FROM ward.key_use u WHERE u.tenant = ward.tenant(); END $$;

-- Adds what a replica counted. However much that is, the key has room for the work that has another follow it: it is asked for nothing else
-- by then.
CREATE OR REPLACE FUNCTION ward.count_messages(whose uuid[], keys bigint[], counts bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    INSERT INTO ward.key_use AS u (tenant, key, messages)
    SELECT n.tenant, n.key, least(n.messages, (1::bigint << 32) - (1 << 24)) FROM unnest(whose, keys, counts) n (tenant, key, messages)
    WHERE n.messages > 0 ORDER BY n.tenant, n.key
    ON CONFLICT (tenant, key) DO UPDATE SET messages = least(u.messages + EXCLUDED.messages, (1::bigint << 32) - (1 << 24));
END $$;

-- Forgets how much keys of the current tenant sealed that are destroyed.
CREATE FUNCTION ward.forget_use() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    DELETE FROM ward.key_use u USING ward.wrapped_key k
    WHERE u.tenant = ward.tenant() AND k.tenant = u.tenant AND k.id = u.key AND k.bytes IS NULL;
END $$;

-- Why a job that is tried again failed last. Who tried it may have no key of the tenant's by then.
CREATE TABLE ward.job_failure (
    tenant    uuid NOT NULL,
    job       uuid NOT NULL,
    why       text NOT NULL CHECK (length(why) <= 64),
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, job)
);

-- Notes why a job failed, or that it didn't.
CREATE FUNCTION ward.note_failure(whose uuid, failed uuid, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    IF reason IS NULL THEN
        DELETE FROM ward.job_failure f WHERE f.tenant = whose AND f.job = failed;
    ELSE
        INSERT INTO ward.job_failure AS f (tenant, job, why, failed_at) VALUES (whose, failed, reason, clock_timestamp())
        ON CONFLICT (tenant, job) DO UPDATE SET why = EXCLUDED.why, failed_at = EXCLUDED.failed_at;
    END IF;
END $$;

-- Why jobs of the current tenant failed last.
CREATE FUNCTION ward.job_failures() RETURNS TABLE (job uuid, why text, failed_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT f.job, f.why, f.failed_at FROM ward.job_failure f WHERE f.tenant = ward.tenant(); END $$;

GRANT EXECUTE ON FUNCTION ward.messages_sealed(), ward.forget_use(), ward.note_failure(uuid, uuid, text), ward.job_failures() TO ward_app;
