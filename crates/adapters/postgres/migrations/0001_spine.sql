-- Run as ward_owner. ward_app serves, owns nothing, and gets only what is granted here.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA ward TO ward_app;

-- The tenant of this transaction; nothing where none was set. After a local setting ends it reads '', not NULL.
CREATE FUNCTION ward.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('ward.tenant', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION ward.tenant() TO ward_app;

CREATE FUNCTION ward.forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN RAISE EXCEPTION '% on % is forbidden: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501'; END $$;

-- The database's clock, whatever the writer says.
CREATE FUNCTION ward.stamp() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN NEW.at := clock_timestamp(); RETURN NEW; END $$;

-- The second wall, the same for every tenant table, a product team's own included.
CREATE FUNCTION ward.isolate(target regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s FOR ALL TO PUBLIC USING (tenant = (SELECT ward.tenant()))
                    WITH CHECK (tenant = (SELECT ward.tenant()))', target);
END $$;

CREATE FUNCTION ward.append_only(target regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION ward.forbid()', target);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION ward.forbid()', target);
END $$;

-- Tenants and their keys -------------------------------------------------------------------------------------------

CREATE TABLE ward.tenant (
    tenant     uuid NOT NULL DEFAULT ward.tenant() PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    profile    text NOT NULL,
    region     text NOT NULL,
    owner      bytea, -- sealed
    sandbox    uuid,  -- where this tenant's test keys act
    live       uuid,  -- whose sandbox this is
    settings   jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);

CREATE TABLE ward.wrapped_key (
    tenant     uuid NOT NULL DEFAULT ward.tenant(),
    id         bigint NOT NULL CHECK (id BETWEEN 0 AND 4294967295),
    purpose    text NOT NULL,
    subject    uuid,
    bytes      bytea NOT NULL,
    commitment bytea NOT NULL CHECK (length(commitment) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CHECK ((purpose = 'subject') = (subject IS NOT NULL))
);
CREATE UNIQUE INDEX wrapped_key_subject ON ward.wrapped_key (tenant, subject) WHERE subject IS NOT NULL;
CREATE INDEX wrapped_key_purpose ON ward.wrapped_key (tenant, purpose) WHERE subject IS NULL;

-- People and what is held about them; every field sealed -------------------------------------------------------------

CREATE TABLE ward.subject (
    tenant        uuid NOT NULL DEFAULT ward.tenant(),
    id            uuid NOT NULL,
    kind          text NOT NULL,
    external_ref  bytea,
    ref_index     bytea CHECK (length(ref_index) = 16),
    email_index   bytea CHECK (length(email_index) = 16),
    phone_index   bytea CHECK (length(phone_index) = 16),
    time_zone     text,
    jurisdiction  text,
    fields        bytea NOT NULL,
    import_digest bytea CHECK (length(import_digest) = 32),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX subject_ref ON ward.subject (tenant, ref_index) WHERE ref_index IS NOT NULL;
CREATE INDEX subject_email ON ward.subject (tenant, email_index) WHERE email_index IS NOT NULL;
CREATE INDEX subject_phone ON ward.subject (tenant, phone_index) WHERE phone_index IS NOT NULL;

CREATE TABLE ward.record (
    tenant      uuid NOT NULL DEFAULT ward.tenant(),
    id          uuid NOT NULL,
    subject     uuid NOT NULL,
    category    text NOT NULL,
    occurred_on date,
    fields      bytea NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, subject) REFERENCES ward.subject (tenant, id)
);
CREATE INDEX record_subject ON ward.record (tenant, subject, id);

-- The audit log: leaves without a place; no writer waits for another ---------------------------------------------------

CREATE TABLE ward.audit_leaf (
    tenant      uuid NOT NULL DEFAULT ward.tenant(),
    id          uuid NOT NULL,
    unit        uuid NOT NULL,
    at          timestamptz NOT NULL,
    actor_kind  text NOT NULL,
    actor       uuid,
    roles       text[] NOT NULL,
    operation   text NOT NULL,
    action      text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('success', 'denied')),
    reason      text,
    entity_kind text NOT NULL,
    entity      uuid NOT NULL,
    covers      jsonb NOT NULL,
    changes     jsonb NOT NULL,
    discloses   jsonb NOT NULL,
    details     jsonb NOT NULL,
    source      bytea, -- address and agent, sealed
    request     text NOT NULL,
    trace       text,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_leaf_entity ON ward.audit_leaf (tenant, entity, id);
CREATE TRIGGER stamp BEFORE INSERT ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION ward.stamp();

-- Credentials ------------------------------------------------------------------------------------------------------

CREATE TABLE ward.api_key (
    tenant        uuid NOT NULL DEFAULT ward.tenant(),
    id            uuid NOT NULL,
    name          text NOT NULL,
    mode          text NOT NULL CHECK (mode IN ('live', 'test')),
    permissions   text[] NOT NULL,
    hint          text NOT NULL,
    maker_kind    text NOT NULL CHECK (maker_kind IN ('user', 'api_key', 'system')),
    maker         uuid,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    monthly_quota integer,
    replaces      uuid,
    PRIMARY KEY (tenant, id)
);

-- Once done, a POST isn't done again -----------------------------------------------------------------------------------

CREATE TABLE ward.idempotency (
    tenant     uuid NOT NULL DEFAULT ward.tenant(),
    actor      uuid NOT NULL,
    key        bytea NOT NULL CHECK (length(key) = 32),
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    answer     bytea NOT NULL, -- sealed
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, actor, key)
);
CREATE INDEX idempotency_age ON ward.idempotency (tenant, created_at);

-- Work for later, the outbox included ------------------------------------------------------------------------------------

CREATE TABLE ward.job (
    tenant     uuid NOT NULL DEFAULT ward.tenant(),
    id         uuid NOT NULL,
    kind       text NOT NULL,
    payload    bytea NOT NULL, -- sealed
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What probes saw ------------------------------------------------------------------------------------------------------

CREATE TABLE ward.probe_run (
    tenant     uuid NOT NULL DEFAULT ward.tenant(),
    id         uuid NOT NULL,
    probe      text NOT NULL,
    at         timestamptz NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('pass', 'degraded', 'fail')),
    reason     text,
    observed   text NOT NULL,
    population bigint NOT NULL,
    version    text NOT NULL,
    duration   bigint NOT NULL, -- microseconds
    PRIMARY KEY (tenant, id)
);
CREATE INDEX probe_run_latest ON ward.probe_run (tenant, probe, id);

SELECT ward.isolate(t) FROM unnest('{ward.tenant, ward.wrapped_key, ward.subject, ward.record, ward.audit_leaf, ward.api_key,
    ward.idempotency, ward.job, ward.probe_run}'::regclass[]) t;
SELECT ward.append_only(t) FROM unnest('{ward.audit_leaf, ward.probe_run}'::regclass[]) t;

GRANT SELECT, INSERT, UPDATE (name, settings) ON ward.tenant TO ward_app;
GRANT SELECT, INSERT (tenant, id, purpose, subject, bytes, commitment) ON ward.wrapped_key TO ward_app;
GRANT SELECT, INSERT, UPDATE (external_ref, ref_index, email_index, phone_index, time_zone, jurisdiction, fields, import_digest, updated_at),
    DELETE ON ward.subject TO ward_app;
GRANT SELECT, INSERT, UPDATE (occurred_on, fields, version, updated_at), DELETE ON ward.record TO ward_app;
GRANT SELECT, INSERT (tenant, id, unit, actor_kind, actor, roles, operation, action, outcome, reason, entity_kind, entity, covers,
    changes, discloses, details, source, request, trace) ON ward.audit_leaf TO ward_app;
GRANT SELECT, INSERT, UPDATE (expires_at, revoked_at) ON ward.api_key TO ward_app;
GRANT SELECT, INSERT, UPDATE (digest, answer, created_at), DELETE ON ward.idempotency TO ward_app;
GRANT SELECT, INSERT, DELETE ON ward.job TO ward_app;
GRANT SELECT, INSERT ON ward.probe_run TO ward_app;

-- What must cross tenants: no personal data, exempt from isolation by name, reached only through the functions below -------

CREATE TABLE ward.tenant_directory (
    tenant     uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ward.api_key_lookup (
    digest       bytea PRIMARY KEY CHECK (length(digest) = 32),
    owner        uuid NOT NULL, -- the tenant that made it
    tenant       uuid NOT NULL, -- the tenant it acts in
    id           uuid NOT NULL,
    permissions  text[] NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_key_lookup_id ON ward.api_key_lookup (owner, id);

CREATE TABLE ward.job_lease (
    tenant       uuid NOT NULL,
    id           uuid NOT NULL,
    kind         text NOT NULL,
    run_at       timestamptz NOT NULL,
    leased_until timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX job_lease_due ON ward.job_lease (run_at);

-- Enters the current tenant in the directory.
CREATE FUNCTION ward.register_tenant() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN INSERT INTO ward.tenant_directory (tenant) VALUES (ward.tenant()) ON CONFLICT DO NOTHING; END $$;

-- Which tenants there are, for work that opens one unit per tenant.
CREATE FUNCTION ward.tenants(after uuid, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT d.tenant FROM ward.tenant_directory d WHERE after IS NULL OR d.tenant > after
                             ORDER BY d.tenant LIMIT least(most, 1000); END $$;

-- Whose key this is: a credential is all one has before the tenant is known.
CREATE FUNCTION ward.api_key_holder(digest bytea)
    RETURNS TABLE (tenant uuid, id uuid, permissions text[], expires_at timestamptz, revoked_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT k.tenant, k.id, k.permissions, k.expires_at, k.revoked_at
                             FROM ward.api_key_lookup k WHERE k.digest = $1; END $$;

-- Makes a key of the current tenant usable: a live key in that tenant, a test key in its sandbox.
CREATE FUNCTION ward.publish_api_key(digest bytea, id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    INSERT INTO ward.api_key_lookup (digest, owner, tenant, id, permissions, expires_at, revoked_at)
    SELECT $1, k.tenant, CASE k.mode WHEN 'test' THEN t.sandbox ELSE k.tenant END, k.id, k.permissions, k.expires_at, k.revoked_at
    FROM ward.api_key k JOIN ward.tenant t ON t.tenant = k.tenant
    WHERE k.tenant = ward.tenant() AND k.id = $2;
    IF NOT FOUND THEN RAISE EXCEPTION 'no such key' USING ERRCODE = 'P0002'; END IF;
END $$;

-- Carries expiry and revocation of a key of the current tenant over to the lookup.
CREATE FUNCTION ward.restrict_api_key(id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.api_key_lookup l SET expires_at = k.expires_at, revoked_at = k.revoked_at
    FROM ward.api_key k
    WHERE k.tenant = ward.tenant() AND k.id = $1 AND l.owner = k.tenant AND l.id = k.id;
    IF NOT FOUND THEN RAISE EXCEPTION 'no such key' USING ERRCODE = 'P0002'; END IF;
END $$;

-- When the current tenant's keys were last used.
CREATE FUNCTION ward.api_keys_used() RETURNS TABLE (id uuid, last_used_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN RETURN QUERY SELECT k.id, k.last_used_at FROM ward.api_key_lookup k WHERE k.owner = ward.tenant(); END $$;

-- Notes that keys were used; never moves back.
CREATE FUNCTION ward.touch_api_keys(ids uuid[], at timestamptz[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.api_key_lookup k SET last_used_at = greatest(k.last_used_at, u.at)
    FROM (SELECT unnest($1) AS id, unnest($2) AS at) u WHERE k.id = u.id;
END $$;

-- Makes a job of the current tenant due.
CREATE FUNCTION ward.enqueue_job(id uuid, kind text, run_at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp
    AS $$ BEGIN INSERT INTO ward.job_lease (tenant, id, kind, run_at) VALUES (ward.tenant(), $1, $2, $3); END $$;

-- Leases due jobs of these kinds: whoever is answered is the only one to hold them until the lease runs out.
CREATE FUNCTION ward.lease_jobs(kinds text[], most integer, seconds integer)
    RETURNS TABLE (tenant uuid, id uuid, kind text, attempts integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE ward.job_lease l SET leased_until = clock_timestamp() + make_interval(secs => $3), attempts = l.attempts + 1
    FROM (SELECT d.tenant, d.id FROM ward.job_lease d
          WHERE d.kind = ANY ($1) AND d.run_at <= clock_timestamp()
            AND (d.leased_until IS NULL OR d.leased_until < clock_timestamp())
          ORDER BY d.run_at LIMIT least($2, 100) FOR UPDATE SKIP LOCKED) due
    WHERE l.tenant = due.tenant AND l.id = due.id
    RETURNING l.tenant, l.id, l.kind, l.attempts;
END $$;

-- Ends a job of the current tenant, if this attempt still holds it.
CREATE FUNCTION ward.finish_job(id uuid, attempt integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    DELETE FROM ward.job_lease l WHERE l.tenant = ward.tenant() AND l.id = $1 AND l.attempts = $2;
    RETURN FOUND;
END $$;

-- Puts a job of the current tenant off, after a failure.
CREATE FUNCTION ward.postpone_job(id uuid, attempt integer, run_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
BEGIN
    UPDATE ward.job_lease l SET run_at = $3, leased_until = NULL
    WHERE l.tenant = ward.tenant() AND l.id = $1 AND l.attempts = $2;
    RETURN FOUND;
END $$;

GRANT EXECUTE ON FUNCTION ward.register_tenant(), ward.tenants(uuid, integer), ward.api_key_holder(bytea),
    ward.publish_api_key(bytea, uuid), ward.restrict_api_key(uuid), ward.api_keys_used(),
    ward.touch_api_keys(uuid[], timestamptz[]), ward.enqueue_job(uuid, text, timestamptz),
    ward.lease_jobs(text[], integer, integer), ward.finish_job(uuid, integer),
    ward.postpone_job(uuid, integer, timestamptz) TO ward_app;
