-- Run as ward_owner. The log is listed by id, so an id must tell the time of its entry, give or take ten minutes: the writer makes it before
-- the database dates the entry, by a clock of its own. A check is asked after the policy, and what was logged before isn't read again.
ALTER TABLE ward.audit_leaf ADD CONSTRAINT audit_leaf_dated CHECK (
    abs(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint - 1000 * date_part('epoch', at)) <= 600000) NOT VALID;
