-- Jobs that failed too often: leased no more, and kept with their payload until somebody has looked.
ALTER TABLE ward.job ADD COLUMN given_up_at timestamptz, ADD COLUMN attempts integer,
    ADD CONSTRAINT job_given_up CHECK ((given_up_at IS NULL) = (attempts IS NULL));
GRANT UPDATE (kind, payload, created_at, given_up_at, attempts) ON ward.job TO ward_app;
