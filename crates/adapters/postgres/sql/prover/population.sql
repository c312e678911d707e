SELECT current_setting('server_version_num')::int AS server_version_num,
       (SELECT count(*) FROM tenant_table) AS tables,
       (SELECT count(*) FROM pg_policy p JOIN tenant_table t ON t.oid = p.polrelid) AS policies,
       (SELECT count(*) FROM function) AS functions
