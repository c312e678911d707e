-- Run as ward_owner. How far each log was delivered to those who collect it, and which replica is at it.
CREATE TABLE ward.log_delivery (
    tenant uuid NOT NULL DEFAULT ward.tenant(),
    sink   text NOT NULL CHECK (length(sink) <= 2000),
    next   bigint NOT NULL DEFAULT 0 CHECK (next >= 0),
    holder uuid,
    until  timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant, sink)
) WITH (fillfactor = 50); -- it changes all the time
SELECT ward.isolate('ward.log_delivery');
GRANT SELECT, INSERT (tenant, sink), UPDATE (next, holder, until) ON ward.log_delivery TO ward_app;
