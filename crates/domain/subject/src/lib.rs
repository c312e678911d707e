//! The people whose data is held: subjects, the records about them, and imports of both.
//!
//! What a caller sends is parsed once, into values that can't be wrong; every fault is named by its place, and no
//! value is ever echoed:
//!
//! ```
//! use serde_json::json;
//! use ward_subject::{Catalogue, Fields};
//!
//! let catalogue = Catalogue::standard();
//! let given = [("email", json!("ada@example.org")), ("phone", json!("12"))];
//! let faults = Fields::parse(catalogue.subject(), given.iter().map(|(name, value)| (*name, value))).unwrap_err();
//! assert_eq!(faults[0].pointer, "/phone");
//! ```

mod catalogue;
mod fields;
mod format;
mod history;
pub mod import;
mod kind;
mod operations;
pub mod record;
mod stored;
pub mod subject;

pub use catalogue::{Catalogue, Category};
pub use fields::{FieldError, FieldSpec, Fields, SealedFields};
pub use format::Format;
pub use history::{History, PastField};
pub use kind::{ExternalRef, Jurisdiction, Kind, TimeZone};
pub use operations::{
    CHANGE_RECORD, CHANGE_SUBJECT, CREATE_RECORD, CREATE_SUBJECT, DELETE_RECORD, FIND_SUBJECTS, IMPORT_DATA,
    IMPORT_ENDED, IMPORT_STARTED, LIST_RECORDS, RECORD_CHANGED, RECORD_CREATED, RECORD_DELETED,
    RECORD_DISCLOSED, RECORD_LISTED, SHOW_RECORD, SHOW_SUBJECT, SUBJECT_CHANGED, SUBJECT_CREATED,
    SUBJECT_DISCLOSED, SUBJECT_IMPORTED, SUBJECT_SEARCHED,
};
pub use stored::{
    Known, Records, RecordsView, StoredRecord, StoredSubject, SubjectSearch, Subjects, SubjectsView,
};
pub use subject::{SubjectError, email_index, phone_index, ref_index};
