//! `cargo run -p ward --example sealed_field`: a note about a patient, sealed in a clinic's own table.
use std::{error::Error, sync::Arc};

use sea_orm::{ActiveValue::Set, entity::prelude::*};
use ward::audit::{Event, Events};
use ward::crypto::Vault;
use ward::kernel::{self, Action, Clock as _, Ids as _, Operation, authority};
use ward::rbac::Policy;
use ward::subject::{Catalogue, Fields, Kind, SUBJECT_CREATED, subject::Draft, subject::create};
use ward::{Reading as _, Store as _};
use ward_postgres::{IndexedText, SealedColumns, SealedText, TenantTable};
use ward_testkit::{Database, Machine, found, open};

const NOTED: Action = Action::new("visit.noted");
const SHOWN: Action = Action::new("visit.disclosed");
static NOTE_VISIT: Operation = Operation::change("noteVisit", "visits.note", &[SUBJECT_CREATED, NOTED]);
static SHOW_VISIT: Operation = Operation::read("showVisit", "visits.read", &[SHOWN]);

const TABLE: &str = "
    CREATE SCHEMA clinic;
    CREATE TABLE clinic.visit (
        tenant uuid DEFAULT ward.tenant(), id uuid, patient uuid NOT NULL,
        note bytea NOT NULL, phone bytea, phone_index bytea, PRIMARY KEY (tenant, id));
    SELECT ward.isolate('clinic.visit');
    GRANT USAGE ON SCHEMA clinic TO ward_app; GRANT SELECT, INSERT ON clinic.visit TO ward_app";

#[derive(Clone, Debug, DeriveEntityModel, SealedColumns)] // one
#[sea_orm(schema_name = "clinic", table_name = "visit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    patient: Uuid,
    #[sealed] // two
    note: SealedText, // three
    #[sealed(index = phone_index)] // and where it is to be found by equality
    phone: Option<SealedText>,
    phone_index: Option<IndexedText>,
}
#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}
impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (db, machine) = (Database::create().await?, Arc::new(Machine::default()));
    db.run("ward_owner", TABLE).await?;
    let store = open(&db.url("ward_app"), 4, &machine).await?;
    let tenant = found(&store, &machine).await?;
    let policy = Policy::compile(&[&NOTE_VISIT, &SHOW_VISIT], &[])?;
    let grants = policy.grants(["visits.note", "visits.read"]).0;
    #[expect(clippy::disallowed_methods, reason = "the password was just checked")]
    let nurse = Arc::new(authority::user(tenant, machine.next().into(), vec![], grants));

    // Writing: the patient's key seals, for this column of this row.
    let mut unit = store.unit(policy.permit(&nurse, &NOTE_VISIT).map_err(|_| "denied")?).await?;
    let name = "Ada".into();
    let fields =
        Fields::parse(Catalogue::standard().subject(), [("given_name", &name)]).map_err(|_| "not a name")?;
    let (draft, new) = (Draft::new(Kind::Patient, fields), (machine.next().into(), machine.now()));
    let (patient, created) = create(&mut unit, &NOTE_VISIT, tenant, new, &draft).await?;
    let sealer = unit.column_sealer(patient.id).await?.ok_or("erased")?;
    let id = machine.next();
    let mut row = ActiveModel { id: Set(id), patient: Set(patient.id.into()), ..Default::default() };
    let note = row.seal_note(&sealer, "sleeps well")?;
    let phone = row.seal_phone(&sealer, "+442079460123")?;
    unit.insert(row).await?;
    let noted = Event::of(&NOTE_VISIT, NOTED, kernel::Entity::new("visit", id));
    unit.commit(Events::from(created).and(noted.with(note).with(phone))).await?;

    // Reading: found by the index, opened against the receipt of an event that names the column.
    let permit = || policy.permit(&nurse, &SHOW_VISIT).map_err(|_| "denied");
    let mut reading = store.reading(permit()?).await?;
    let wanted = Model::index_of_phone(&*reading.keys().index(), "+442079460123");
    let visit = reading.one(Entity::find().filter(Column::PhoneIndex.eq(wanted))).await?;
    let visit = visit.ok_or("no such visit")?;
    let key = reading.subject_keys(&[visit.patient.into()]).await?.pop().flatten();
    let shown = Event::of(&SHOW_VISIT, SHOWN, visit.row()).disclosing(["note"]);
    let receipt = store.read(permit()?).await?.disclose(shown).await?;
    let note = visit.note().open(&Vault::new(machine), &*key.ok_or("erased")?, &receipt)?;
    assert_eq!(note.as_str(), Some("sleeps well"));
    println!("in the database {:?}, against a receipt {:?}", visit.note, note.as_str());
    Ok(())
}
