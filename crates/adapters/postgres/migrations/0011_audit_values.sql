-- Run as ward_owner. What is personal beside the log: the values that changes replaced, sealed as their rows held them.
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
