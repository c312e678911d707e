-- Run as ward_owner. What the serving role can't do to the log, however it is driven.

-- Below the head every place is taken, or was let go of; whoever says that a leaf stands there would have it forgotten.
CREATE FUNCTION ward.only_behind() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM placed) THEN RETURN NULL; END IF;
    IF (SELECT min(p.index) FROM placed p) < (SELECT h.size FROM ward.audit_head h WHERE h.tenant = ward.tenant()) THEN
        RAISE EXCEPTION 'entries are placed behind all others' USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_behind AFTER INSERT ON ward.audit_place REFERENCING NEW TABLE AS placed
    FOR EACH STATEMENT EXECUTE FUNCTION ward.only_behind();

-- What was delivered once is not delivered again, and nothing is that isn't there: past the end, all to come would be passed over.
CREATE FUNCTION ward.only_onward() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.next < OLD.next
        OR NEW.next > coalesce((SELECT h.size FROM ward.audit_head h WHERE h.tenant = ward.tenant()), 0) THEN
        RAISE EXCEPTION 'entries are delivered in their order' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_onward BEFORE UPDATE OF next ON ward.log_delivery FOR EACH ROW EXECUTE FUNCTION ward.only_onward();

-- A month whose part was taken off the log keeps no other from being made; it is for people to put it back.
CREATE OR REPLACE FUNCTION ward.keep_months(ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ward, pg_temp AS $$
DECLARE
    missing timestamp;
    made integer := 0;
BEGIN
    -- One replica at a time; the month before this one, since an id may be ten minutes older than its entry; no more than are of use,
    -- since every statement has to look at all.
    PERFORM pg_advisory_xact_lock(hashtextextended('ward.keep_months', 0));
    FOR missing IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
                               date_trunc('month', now() AT TIME ZONE 'UTC') + least(greatest(ahead, 0), 3) * interval '1 month', '1 month')
        EXCEPT SELECT m.month FROM ward.months() m
    LOOP
        CONTINUE WHEN to_regclass('ward.audit_leaf_' || to_char(missing, 'YYYY_MM')) IS NOT NULL;
        PERFORM ward.make_month(missing);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
