-- What the log says of an act is read whole, and never searched: text is stored as it comes, where jsonb is taken apart.
-- This rewrites the log, which nobody writes meanwhile: its statements wait, and those that wait too long are answered 503.
-- An entry of an imported row has some 2 KB, commitments most of it, and those can't be compressed.
ALTER TABLE ward.audit_leaf ALTER covers TYPE text, ALTER changes TYPE text, ALTER discloses TYPE text, ALTER details TYPE text,
    SET (toast_tuple_target = 8160);
