-- What functions may do is granted by name.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Claims a request's key until the transaction ends: whether it was free, and what was answered to it within a day. The lock is tried
-- first, and the answer looked up in a snapshot of its own: who had the lock before has committed the answer that this one sees.
CREATE FUNCTION ward.claim(of uuid, who uuid, what bytea, OUT free boolean, OUT digest bytea, OUT answer bytea)
    LANGUAGE plpgsql SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    free := pg_try_advisory_xact_lock(hashtextextended(of::text || who::text || encode(what, 'hex'), 0));
    SELECT i.digest, i.answer INTO digest, answer FROM ward.idempotency i
        WHERE i.tenant = of AND i.actor = who AND i.key = what AND i.created_at > now() - interval '24 hours';
END $$;
GRANT EXECUTE ON FUNCTION ward.claim(uuid, uuid, bytea) TO ward_app;
