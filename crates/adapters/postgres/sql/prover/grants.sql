SELECT 'R10' AS rule, rolname::text AS object, 'has the attribute ' || x.what AS detail
FROM app, LATERAL (VALUES (rolsuper, 'SUPERUSER'), (rolbypassrls, 'BYPASSRLS'), (rolcreaterole, 'CREATEROLE'),
                          (rolcreatedb, 'CREATEDB'), (rolreplication, 'REPLICATION')) x(held, what) WHERE x.held
UNION ALL
SELECT 'R10', session_user::text, format('this connection is not %s''s own', d.j ->> 'app')
FROM declared d WHERE session_user <> d.j ->> 'app' OR current_user <> d.j ->> 'app'
UNION ALL
SELECT 'R10', coalesce(r.rolname, 'the database'), 'starts every session with ' || c.setting
FROM wall, pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c(setting) LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE (s.setrole = 0 OR s.setrole = (SELECT oid FROM app))
  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND c.setting ~* wall.setting
UNION ALL
SELECT 'R10', 'ward.tenant', 'is set although no unit has set it'
WHERE coalesce(current_setting('ward.tenant', true), '') <> ''
UNION ALL
SELECT 'R11', app.rolname, 'is a member of ' || g.name FROM app, (
    WITH RECURSIVE up(oid) AS (
        SELECT m.roleid FROM pg_auth_members m WHERE m.member = (SELECT oid FROM app)
        UNION SELECT m.roleid FROM pg_auth_members m JOIN up ON up.oid = m.member)
    SELECT r.rolname AS name FROM up JOIN pg_roles r ON r.oid = up.oid) g
UNION ALL
SELECT 'R12', pg_describe_object(s.classid, s.objid, s.objsubid), 'belongs to ' || app.rolname
FROM app JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = app.oid AND s.deptype = 'o'
WHERE s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
UNION ALL
SELECT 'R13', name, what || coalesce(format(' on column `%s`', col), '') || ' is granted'
FROM held WHERE relkind <> 'S' AND what NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
UNION ALL
SELECT 'R13', name, what || ' may be granted onward' FROM held WHERE is_grantable
UNION ALL
SELECT 'R13', s.nspname, 'CREATE on the schema is granted'
FROM app, schema s WHERE has_schema_privilege(app.oid, s.oid, 'CREATE')
UNION ALL
SELECT 'R13', current_database(), p.what || ' on the database is granted'
FROM app, unnest('{CREATE,TEMPORARY}'::text[]) p(what) WHERE has_database_privilege(app.oid, current_database(), p.what)
UNION ALL
SELECT 'R13', p.parname, a.privilege_type || ' of the setting is granted'
FROM pg_parameter_acl p, aclexplode(p.paracl) a WHERE a.grantee = 0 OR a.grantee = (SELECT oid FROM app)
UNION ALL
SELECT 'R20', name, what || coalesce(format(' on column `%s`', col), '') || ' is granted to PUBLIC'
FROM held WHERE public AND oid NOT IN (SELECT oid FROM exempt WHERE oid IS NOT NULL)
UNION ALL
SELECT 'R20', f.name, 'anybody may call it, with its owner''s rights'
FROM function f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE f.prosecdef AND a.grantee = 0
UNION ALL
SELECT 'R20', s.nspname, a.privilege_type || ' on the schema is granted to PUBLIC'
FROM schema s, aclexplode(s.nspacl) a WHERE a.grantee = 0 AND NOT (s.nspname = 'public' AND a.privilege_type = 'USAGE')
UNION ALL
SELECT 'R23', name, what || ' on a counter that all tenants share is granted' FROM held WHERE relkind = 'S'
UNION ALL
SELECT 'R25', format('objects of %s', r.rolname), format('get %s for %s by default', a.privilege_type,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole, aclexplode(d.defaclacl) a
WHERE d.defaclobjtype <> 'T' AND (a.grantee = 0 OR a.grantee = (SELECT oid FROM app))
