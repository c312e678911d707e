//! Ward's own declaration. A change of the schema that is not declared here stops the start.

use super::declaration::{AppendOnly, Declaration, Definer, Exempt, Trigger};

/// As PostgreSQL prints it back with nothing but `pg_catalog` on the search path.
const POLICY: &str = "(tenant = ( SELECT ward.tenant() AS tenant))";

const TENANT: &str = "RETURN (NULLIF(current_setting('ward.tenant'::text, true), ''::text))::uuid";

const READER: &str = "CHECK (((set_config('ward.tenant'::text, (VALUE)::text, true) IS NOT NULL) \
                      AND (set_config('transaction_read_only'::text, 'on'::text, true) IS NOT NULL)))";

const DATED: &str = "CHECK ((abs(((((('x'::text || encode(uuid_send(id), 'hex'::text)))::bit(48))::bigint)::double precision \
                     - ((1000)::double precision * date_part('epoch'::text, at)))) <= (600000)::double precision))";

const EXEMPT: [Exempt; 11] = [
    Exempt {
        relation: "ward.migration",
        allows: &["SELECT"],
        reason: "names of migrations, read at start to see whether the schema is up to date",
    },
    Exempt {
        relation: "ward.tenant_directory",
        allows: &[],
        reason: "ids of tenants, for work that opens one unit per tenant",
    },
    Exempt {
        relation: "ward.api_key_lookup",
        allows: &[],
        reason: "a digest is all one has before the tenant is known",
    },
    Exempt {
        relation: "ward.job_lease",
        allows: &[],
        reason: "a worker leases what is due before it knows whose it is; the job itself is sealed in the tenant's own table",
    },
    Exempt {
        relation: "ward.audit_waiting",
        allows: &[],
        reason: "ids of leaves: whoever lets logs grow asks which of them have any that wait",
    },
    Exempt {
        relation: "ward.audit_keeping",
        allows: &["SELECT"],
        reason: "for how many years all logs are kept, as migrations were told",
    },
    Exempt {
        relation: "ward.audit_carried",
        allows: &[],
        reason: "ids of tenants: a month of all logs goes when each of them is ready",
    },
    Exempt {
        relation: "ward.key_watch",
        allows: &[],
        reason: "ids of tenants that brought a key, and how it is with each: whoever looks can't open what is theirs",
    },
    Exempt {
        relation: "ward.key_use",
        allows: &[],
        reason: "ids of keys, and how much each sealed: counted for many tenants at once",
    },
    Exempt {
        relation: "ward.job_failure",
        allows: &[],
        reason: "ids of jobs, and a word of why each failed: noted when the tenant's keys may not be had",
    },
    Exempt {
        relation: "ward.erasure_entry",
        allows: &[],
        reason: "ids of people erased, and where the ledger has them: it is one for all tenants, and held against the database before any is served",
    },
];

const fn own(function: &'static str, reason: &'static str) -> Definer {
    Definer { function, crosses: false, reason }
}

const fn crossing(function: &'static str, reason: &'static str) -> Definer {
    Definer { function, crosses: true, reason }
}

const DEFINERS: [Definer; 45] = [
    own("ward.register_tenant()", "enters the current tenant in the directory"),
    crossing("ward.tenants(uuid,integer)", "lists ids of tenants, nothing else"),
    own("ward.api_key_holder(bytea)", "finds whose key it is from a digest that only its holder can make"),
    own("ward.publish_api_key(bytea,uuid)", "copies a key of the current tenant to the lookup"),
    own("ward.restrict_api_key(uuid)", "copies expiry and revocation of a key of the current tenant"),
    own("ward.api_keys_used()", "says when the current tenant's keys were last used"),
    crossing(
        "ward.touch_api_keys(uuid[],timestamp with time zone[])",
        "notes in one batch that keys of many tenants were used",
    ),
    own("ward.enqueue_job(uuid,text,timestamp with time zone)", "makes a job of the current tenant due"),
    crossing(
        "ward.lease_jobs(text[],integer,integer)",
        "leases due jobs, whosever they are: ids and kinds only",
    ),
    own("ward.finish_job(uuid,integer)", "ends a job of the current tenant"),
    own("ward.postpone_job(uuid,integer,timestamp with time zone)", "puts a job of the current tenant off"),
    crossing(
        "ward.keep_months(integer)",
        "makes the partitions of months to come, which the logs of all tenants share",
    ),
    own("ward.await_place(uuid[])", "says that leaves of the current tenant wait for their places"),
    crossing("ward.awaiting_place(integer)", "lists tenants whose leaves wait: ids only"),
    own("ward.waiting_leaves(integer)", "lists the leaves of the current tenant that wait"),
    own(
        "ward.leaves_placed(uuid[],uuid[])",
        "takes leaves of the current tenant off that list, or sets them aside",
    ),
    own("ward.leaves_rejected()", "lists the leaves of the current tenant that were set aside"),
    own("ward.retry_leaves(integer)", "lets leaves of the current tenant wait again that were set aside"),
    own(
        "ward.enlist_leaves(uuid,integer)",
        "lets leaves of the current tenant wait that have no place and aren't on the list",
    ),
    own("ward.prune(uuid,integer)", "has the current tenant's log begin where it says that it does"),
    own("ward.carry_over(integer)", "carries over what the current tenant keeps of the oldest month"),
    crossing("ward.drop_month(integer)", "drops a month of all logs, in which nothing has to be kept"),
    own("ward.forget_places(integer)", "forgets where pruned entries of the current tenant stood"),
    own("ward.forget_words(integer)", "forgets in which pruned tiles of the current tenant words occur"),
    own(
        "ward.watch_key(timestamp with time zone)",
        "has the key that the current tenant brought watched, or no more",
    ),
    crossing(
        "ward.keys_to_look_at(timestamp with time zone,interval,integer)",
        "takes keys that tenants brought and nobody has looked at for long: ids, states and times only",
    ),
    crossing(
        "ward.note_key(uuid,text,timestamp with time zone,text,timestamp with time zone)",
        "notes how it is with a key that a tenant brought, as the deployment saw it",
    ),
    crossing("ward.miss_key(uuid,timestamp with time zone)", "notes since when such a key can't be reached"),
    crossing("ward.dark_tenants(integer)", "lists tenants whose keys can't be had: ids only"),
    crossing(
        "ward.count_messages(uuid[],bigint[],bigint[])",
        "counts what keys of many tenants sealed in one batch: ids and numbers only",
    ),
    own("ward.forget_use()", "forgets how much the current tenant's destroyed keys sealed"),
    own("ward.messages_sealed()", "says how much each of the current tenant's keys sealed"),
    crossing(
        "ward.note_failure(uuid,uuid,text)",
        "notes why a job failed that is tried again: ids and a word only",
    ),
    own("ward.job_failures()", "says why jobs of the current tenant failed"),
    own("ward.worn_keys(bigint)", "says which of the current tenant's keys sealed too much"),
    crossing(
        "ward.most_messages()",
        "tells how many messages the key sealed that sealed most: a number only",
    ),
    crossing(
        "ward.keys_watched(timestamp with time zone)",
        "counts the keys that tenants brought, and those that nobody looked at",
    ),
    own("ward.enter_erasure(uuid)", "has an erasure of the current tenant's entered into the ledger"),
    own("ward.erasure_place(uuid)", "says where the ledger has an erasure of the current tenant's"),
    crossing("ward.last_erasure()", "tells the last number of the ledger that is known"),
    crossing(
        "ward.erasures_to_enter(integer)",
        "lists erasures that the ledger lacks: ids, words and times only",
    ),
    crossing(
        "ward.place_erasure(uuid,uuid,bigint)",
        "notes where the ledger has an erasure; what is owed of it is read there again, and believed for its code alone",
    ),
    crossing("ward.tenants_owing()", "lists tenants of whom a backup undid erasures: ids only"),
    crossing("ward.erasures_owed(uuid,integer)", "lists those of one tenant: ids only"),
    own(
        "ward.settle_erasure(uuid,uuid)",
        "notes that nothing is here of one of the current tenant's people, having looked",
    ),
];

const APPEND_ONLY: [AppendOnly; 5] = [
    AppendOnly { table: "ward.audit_leaf", stamped: Some("at"), erased: Some("source"), check: Some(DATED) },
    AppendOnly { table: "ward.audit_place", stamped: None, erased: None, check: None },
    AppendOnly { table: "ward.audit_tile", stamped: None, erased: None, check: None },
    AppendOnly { table: "ward.key_destroyed", stamped: None, erased: None, check: None },
    AppendOnly { table: "ward.probe_run", stamped: None, erased: None, check: None },
];

const TRIGGERS: [Trigger; 14] = [
    Trigger {
        table: "ward.wrapped_key",
        definition: "CREATE TRIGGER only_turn BEFORE UPDATE ON ward.wrapped_key FOR EACH ROW EXECUTE FUNCTION ward.only_turn()",
        reason: "a key is wrapped anew or destroyed, and stays what it is",
    },
    Trigger {
        table: "ward.api_key",
        definition: "CREATE TRIGGER keep_revoked BEFORE UPDATE ON ward.api_key FOR EACH ROW \
                     WHEN ((old.revoked_at IS NOT NULL)) EXECUTE FUNCTION ward.keep_revoked()",
        reason: "a revoked key stays revoked",
    },
    Trigger {
        table: "ward.api_key_lookup",
        definition: "CREATE TRIGGER keep_revoked BEFORE UPDATE ON ward.api_key_lookup FOR EACH ROW \
                     WHEN ((old.revoked_at IS NOT NULL)) EXECUTE FUNCTION ward.keep_revoked()",
        reason: "nor does it work again",
    },
    Trigger {
        table: "ward.audit_head",
        definition: "CREATE TRIGGER only_grow BEFORE UPDATE ON ward.audit_head FOR EACH ROW EXECUTE FUNCTION ward.only_grow()",
        reason: "a head is followed by one of a longer log, or by the same with more signatures",
    },
    Trigger {
        table: "ward.audit_word",
        definition: "CREATE TRIGGER only_found_more BEFORE DELETE OR UPDATE ON ward.audit_word FOR EACH ROW EXECUTE FUNCTION ward.only_found_more()",
        reason: "an entry that a word finds stays found, but by an address that was erased",
    },
    Trigger {
        table: "ward.audit_leaf",
        definition: "CREATE TRIGGER not_before AFTER INSERT ON ward.audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION ward.not_before()",
        reason: "nobody writes before the latest entry",
    },
    Trigger {
        table: "ward.audit_place",
        definition: "CREATE TRIGGER only_behind AFTER INSERT ON ward.audit_place REFERENCING NEW TABLE AS placed \
                     FOR EACH STATEMENT EXECUTE FUNCTION ward.only_behind()",
        reason: "nobody has an entry forgotten by saying that it stands where the log was let go of",
    },
    Trigger {
        table: "ward.key_destroyed",
        definition: "CREATE TRIGGER only_erased AFTER INSERT ON ward.key_destroyed FOR EACH ROW EXECUTE FUNCTION ward.only_erased()",
        reason: "nobody is put down as erased of whom anything is left, nor at another time",
    },
    Trigger {
        table: "ward.wrapped_key",
        definition: "CREATE TRIGGER only_living AFTER INSERT ON ward.wrapped_key FOR EACH ROW WHEN ((new.subject IS NOT NULL)) EXECUTE FUNCTION ward.only_living()",
        reason: "who is erased gets no other key",
    },
    Trigger {
        table: "ward.log_delivery",
        definition: "CREATE TRIGGER only_onward BEFORE UPDATE OF next ON ward.log_delivery FOR EACH ROW \
                     EXECUTE FUNCTION ward.only_onward()",
        reason: "nobody passes entries over that are to be delivered",
    },
    Trigger {
        table: "ward.wrapped_key",
        definition: "CREATE TRIGGER tell_of_added AFTER INSERT ON ward.wrapped_key FOR EACH ROW WHEN ((new.subject IS NULL)) EXECUTE FUNCTION ward.tell_of_keys()",
        reason: "whoever keeps a tenant's keys forgets them as soon as they change",
    },
    Trigger {
        table: "ward.wrapped_key",
        definition: "CREATE TRIGGER tell_of_changed AFTER UPDATE ON ward.wrapped_key FOR EACH ROW WHEN ((new.subject IS NULL)) EXECUTE FUNCTION ward.tell_of_keys()",
        reason: "whoever keeps a tenant's keys forgets them as soon as they change",
    },
    Trigger {
        table: "ward.wrapped_key",
        definition: "CREATE TRIGGER tell_of_removed AFTER DELETE ON ward.wrapped_key FOR EACH ROW WHEN ((old.subject IS NULL)) EXECUTE FUNCTION ward.tell_of_keys()",
        reason: "whoever keeps a tenant's keys forgets them as soon as they change",
    },
    Trigger {
        table: "ward.external_key",
        definition: "CREATE TRIGGER tell_of_keys AFTER INSERT OR DELETE OR UPDATE OF address ON ward.external_key FOR EACH ROW EXECUTE FUNCTION ward.tell_of_keys()",
        reason: "whoever keeps a tenant's keys forgets them as soon as they change",
    },
];

impl Declaration {
    /// What Ward's own schema declares.
    pub fn ward() -> Self {
        Self {
            app: "ward_app".into(),
            owner: "ward_owner".into(),
            policies: vec![POLICY],
            tenant: TENANT,
            reader: READER,
            exempt: EXEMPT.to_vec(),
            definers: DEFINERS.to_vec(),
            append_only: APPEND_ONLY.to_vec(),
            triggers: TRIGGERS.to_vec(),
            publications: Vec::new(),
            sources: crate::schema(),
        }
    }
}
