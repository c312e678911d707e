-- What a table refers to, the tenant aside.
SELECT f.conrelid::regclass::text AS name, f.confrelid::regclass::text AS parent, k.columns, k.referred
FROM pg_constraint f, LATERAL (
    SELECT array_agg(quote_ident(h.attname) ORDER BY place) AS columns, array_agg(quote_ident(o.attname) ORDER BY place) AS referred
    FROM unnest(f.conkey, f.confkey) WITH ORDINALITY k(here, there, place)
    JOIN pg_attribute h ON h.attrelid = f.conrelid AND h.attnum = k.here
    JOIN pg_attribute o ON o.attrelid = f.confrelid AND o.attnum = k.there
    WHERE h.attname <> 'tenant') k
WHERE f.contype = 'f' AND f.conparentid = 0 AND k.columns IS NOT NULL
ORDER BY f.oid
