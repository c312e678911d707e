//! Ward, and PostgreSQL beneath it, are killed while a month of logs is dropped.

use ureq::http::Method;

use crate::ward::Ward;

/// The month before this one, in which there is nothing, can go for good, and whoever drops it takes some seconds.
const SLOW: &str = "
    SET ROLE ward_owner;
    CREATE OR REPLACE FUNCTION ward.droppable(years integer) RETURNS TABLE (month timestamp, part regclass) LANGUAGE sql STABLE
        AS 'SELECT m.month, m.part FROM ward.months() m WHERE m.month < date_trunc(''month'', now() AT TIME ZONE ''UTC'')';
    CREATE OR REPLACE FUNCTION ward.make_month(month timestamp) RETURNS void LANGUAGE sql AS '';
    ALTER FUNCTION ward.make_next() RENAME TO made_next;
    CREATE FUNCTION ward.make_next() RETURNS void LANGUAGE sql AS 'SELECT ward.made_next(), pg_sleep(SECONDS); SELECT'";
const FAST: &str =
    "CREATE OR REPLACE FUNCTION ward.make_next() RETURNS void LANGUAGE sql AS 'SELECT ward.made_next()'";
const INSIDE: &str =
    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%drop_month%'";
const TABLES: &str = "
    SELECT count(*) FILTER (WHERE m.month < date_trunc('month', now() AT TIME ZONE 'UTC')), to_regclass('ward.audit_leaf_next') IS NOT NULL,
        (SELECT count(*) FROM pg_inherits WHERE inhrelid = to_regclass('ward.audit_leaf_rest')) FROM ward.months() m";

#[test]
fn a_month_that_was_being_dropped_when_ward_was_killed_is_dropped_after_the_next_start() {
    for (seconds, whole) in [("5", false), ("600", true)] {
        let mut ward = Ward::start("warn");
        let tenant = ward.found("Kept");
        ward.postgres().ask(&SLOW.replace("SECONDS", seconds));
        ward.stop();
        ward.set(&[("WARD_LOG_KEEP_YEARS", "6")]);
        ward.start_again();
        ward.until("inside", |ward| (!ward.postgres().ask(INSIDE).is_empty()).then_some(()));
        ward.kill();
        assert_eq!(ward.postgres().ask(TABLES), [["1", "t", "0"]]);
        ward.postgres().ask(FAST);
        if whole {
            ward.postgres().kill(true);
        }
        ward.start_again();
        ward.until("dropped", |ward| (ward.postgres().ask(TABLES) == [["0", "t", "1"]]).then_some(()));

        let client = ward.client(&tenant.key);
        let check = client.send(
            Method::POST,
            "/v1/claims/audit-proofs/check",
            &[("content-type", "application/json")],
            "{}",
        );
        assert_eq!(check.unwrap().json()["status"], "active");
        assert!(client.get("/v1/audit/events").unwrap().text.contains("tenant.founded"));
        ward.stop();
    }
}
