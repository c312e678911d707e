//! What callers can do with subjects and records.

use ward_kernel::{Action, Operation, Requires};

/// A subject was added.
pub const SUBJECT_CREATED: Action = Action::new("subject.created");
/// A subject was changed.
pub const SUBJECT_CHANGED: Action = Action::new("subject.changed");
/// A subject's fields were read.
pub const SUBJECT_DISCLOSED: Action = Action::new("subject.disclosed");
/// Subjects were searched, and what was found was read.
pub const SUBJECT_SEARCHED: Action = Action::new("subject.searched");
/// A record was added.
pub const RECORD_CREATED: Action = Action::new("record.created");
/// A record was changed.
pub const RECORD_CHANGED: Action = Action::new("record.changed");
/// A record was removed.
pub const RECORD_DELETED: Action = Action::new("record.deleted");
/// A record was read.
pub const RECORD_DISCLOSED: Action = Action::new("record.disclosed");
/// A subject's records were read.
pub const RECORD_LISTED: Action = Action::new("record.listed");
/// An import began.
pub const IMPORT_STARTED: Action = Action::new("import.started");
/// An import reached the end of its file.
pub const IMPORT_ENDED: Action = Action::new("import.ended");
/// An imported row added or changed a subject.
pub const SUBJECT_IMPORTED: Action = Action::new("subject.imported");

const BASE: Operation = Operation {
    id: "",
    requires: Requires::Permission(""),
    events: &[],
    writes: true,
    discloses: false,
    controls: &["A1", "C1", "T4"],
    rate: "write",
    idempotent: false,
};

const READ: Operation =
    Operation { writes: false, discloses: true, controls: &["A2", "C1", "T4"], rate: "read", ..BASE };

/// Adds a subject.
pub static CREATE_SUBJECT: Operation = Operation {
    id: "createSubject",
    requires: Requires::Permission("subjects.create"),
    events: &[SUBJECT_CREATED],
    idempotent: true,
    ..BASE
};

/// Searches subjects.
pub static FIND_SUBJECTS: Operation = Operation {
    id: "findSubjects",
    requires: Requires::Permission("subjects.read"),
    events: &[SUBJECT_SEARCHED],
    controls: &["A2", "C1", "C7", "T4"],
    ..READ
};

/// Shows a subject.
pub static SHOW_SUBJECT: Operation = Operation {
    id: "showSubject",
    requires: Requires::Permission("subjects.read"),
    events: &[SUBJECT_DISCLOSED],
    ..READ
};

/// Changes a subject.
pub static CHANGE_SUBJECT: Operation = Operation {
    id: "changeSubject",
    requires: Requires::Permission("subjects.change"),
    events: &[SUBJECT_CHANGED],
    ..BASE
};

/// Adds a record.
pub static CREATE_RECORD: Operation = Operation {
    id: "createRecord",
    requires: Requires::Permission("records.create"),
    events: &[RECORD_CREATED],
    idempotent: true,
    ..BASE
};

/// Lists a subject's records.
pub static LIST_RECORDS: Operation = Operation {
    id: "listRecords",
    requires: Requires::Permission("records.read"),
    events: &[RECORD_LISTED],
    ..READ
};

/// Shows a record.
pub static SHOW_RECORD: Operation = Operation {
    id: "showRecord",
    requires: Requires::Permission("records.read"),
    events: &[RECORD_DISCLOSED],
    ..READ
};

/// Changes a record.
pub static CHANGE_RECORD: Operation = Operation {
    id: "changeRecord",
    requires: Requires::Permission("records.change"),
    events: &[RECORD_CHANGED],
    ..BASE
};

/// Removes a record.
pub static DELETE_RECORD: Operation = Operation {
    id: "deleteRecord",
    requires: Requires::Permission("records.delete"),
    events: &[RECORD_DELETED],
    ..BASE
};

/// Imports many subjects. It is repeatable by itself: a row that changes nothing is left alone.
pub static IMPORT_DATA: Operation = Operation {
    id: "importData",
    requires: Requires::Permission("imports.run"),
    events: &[IMPORT_STARTED, SUBJECT_IMPORTED, IMPORT_ENDED],
    controls: &["A1", "C1", "D5", "T4", "W4"],
    rate: "bulk",
    ..BASE
};
