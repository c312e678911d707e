//! The operation table: the handlers, the policy, the OpenAPI document and the tests all read it.

use ward::assurance::{CHECK_CLAIM, CLAIM_EVIDENCE, LIST_CLAIMS, RUN_PROBE, TRUST_DOCUMENT, TRUST_PAGE};
use ward::audit::keeping::PRUNE_LOG;
use ward::audit::log::{CHECKPOINT, KEY, PROVE_CONSISTENCY, TILE};
use ward::audit::{
    DISCLOSE_VALUES, EXPORT, LIST_EVENTS, PROVE_EVENT, READ_ENTRIES, RECORD_EVENTS, SHOW_EVENT,
};
use ward::identity::api_key;
use ward::kernel::Operation;
use ward::subject::{
    CHANGE_RECORD, CHANGE_SUBJECT, CREATE_RECORD, CREATE_SUBJECT, DELETE_RECORD, FIND_SUBJECTS, IMPORT_DATA,
    LIST_RECORDS, SHOW_RECORD, SHOW_SUBJECT,
};
use ward::tenancy::{CHANGE_TENANT, SHOW_TENANT};
use ward::{
    ADD_KEYS, ADVANCE_ROTATION, BRING_KEY, ERASE_SUBJECT, FOLLOW_ROOT, GIVE_BACK_KEY, LIST_KEYS,
    LIST_ROTATIONS, PAUSE_ROTATION, REPLAY_ERASURE, RESUME_ROTATION, RETIRE_KEYS, ROTATE_KEYS,
    ROTATE_LOG_KEY, SCHEDULE_ROTATIONS, SHOW_ERASURE, SHOW_ROTATION, WATCH_KEYS,
};

use crate::archived::ARCHIVE_LOG;
use crate::delivered::DELIVER_LOG;
use crate::erasure::work::ENTER_ERASURES;
use crate::heads::LOG_HEADS;
use crate::health::{HEALTH, READY};
use crate::me::WHO_AM_I;
use crate::operator::{BEGIN_ROTATIONS, FOUND_TENANT, LOOK_AT_JOBS};
use crate::probe::canary::PREPARE_CANARY;
use crate::probe::erasure::TRY_ERASURE;
use crate::probe::person::TRY_KEYS;
use crate::probe::{INSPECT_LOG, PROBE_READ, SCHEDULE_PROBES};
use crate::refusals::RECORD_REFUSALS;
use crate::tasks::FORGET_ANSWERS;
use crate::witnessed::WITNESS_LOG;

/// Every operation there is: those that are served, then the jobs.
pub(crate) static TABLE: &[&Operation] = &[
    &HEALTH,
    &READY,
    &TRUST_PAGE,
    &TRUST_DOCUMENT,
    &WHO_AM_I,
    &SHOW_TENANT,
    &CHANGE_TENANT,
    &api_key::CREATE,
    &api_key::LIST,
    &api_key::ROTATE,
    &api_key::REVOKE,
    &ROTATE_KEYS,
    &LIST_ROTATIONS,
    &SHOW_ROTATION,
    &PAUSE_ROTATION,
    &RESUME_ROTATION,
    &LIST_KEYS,
    &BRING_KEY,
    &GIVE_BACK_KEY,
    &CREATE_SUBJECT,
    &FIND_SUBJECTS,
    &SHOW_SUBJECT,
    &CHANGE_SUBJECT,
    &CREATE_RECORD,
    &LIST_RECORDS,
    &SHOW_RECORD,
    &CHANGE_RECORD,
    &DELETE_RECORD,
    &ERASE_SUBJECT,
    &SHOW_ERASURE,
    &IMPORT_DATA,
    &LIST_EVENTS,
    &SHOW_EVENT,
    &DISCLOSE_VALUES,
    &RECORD_EVENTS,
    &PROVE_EVENT,
    &CHECKPOINT,
    &PROVE_CONSISTENCY,
    &TILE,
    &READ_ENTRIES,
    &KEY,
    &EXPORT,
    &LIST_CLAIMS,
    &CHECK_CLAIM,
    &CLAIM_EVIDENCE,
    &FOUND_TENANT,
    &LOOK_AT_JOBS,
    &BEGIN_ROTATIONS,
    &ROTATE_LOG_KEY,
    &ADD_KEYS,
    &WATCH_KEYS,
    &FOLLOW_ROOT,
    &ENTER_ERASURES,
    &REPLAY_ERASURE,
    &PREPARE_CANARY,
    &TRY_ERASURE,
    &TRY_KEYS,
    &SCHEDULE_PROBES,
    &RUN_PROBE,
    &PROBE_READ,
    &INSPECT_LOG,
    &LOG_HEADS,
    &WITNESS_LOG,
    &ARCHIVE_LOG,
    &DELIVER_LOG,
    &RECORD_REFUSALS,
    &FORGET_ANSWERS,
    &PRUNE_LOG,
    &ADVANCE_ROTATION,
    &SCHEDULE_ROTATIONS,
    &RETIRE_KEYS,
];
