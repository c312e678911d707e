-- Bound to what it calls when it is made, whatever search path it is called under.
CREATE OR REPLACE FUNCTION ward.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('ward.tenant', true), '')::uuid;

-- A tenant who reads. Parameters are converted, and the checks of their types run, in a statement's transaction before it is planned:
-- one that is bound to a reader is that tenant's, and can't write.
CREATE DOMAIN ward.reader AS uuid CHECK (
    set_config('ward.tenant', VALUE::text, true) IS NOT NULL AND set_config('transaction_read_only', 'on', true) IS NOT NULL);
