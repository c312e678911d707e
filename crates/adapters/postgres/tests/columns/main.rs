//! Sealed columns of a product team's own table: bound to their spot, opened against a receipt, and in the database no plaintext.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, clippy::indexing_slicing, reason = "a test may")]

mod clinic;

use std::sync::Arc;

use clinic::{ActiveModel, Clinic, Column, Entity, Model, NOTE, NOTED, SHOW};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ValueType};
use ward::Reading as _;
use ward::audit::Event;
use ward::crypto::{OpenError, SubjectKey, Vault};
use ward::kernel::{Ids as _, StoreError, SubjectId, TenantId};
use ward_postgres::{NotSealed, SealedText};

const SECRET: &str = "Augusta Ada King, Countess of Lovelace, is well";
const PHONE: &str = "+442079460123";

impl Clinic {
    /// A visit of `patient`, with a note and, where `phone` is given, a number that can be found.
    async fn visit(&self, tenant: TenantId, patient: SubjectId, phone: Option<&str>) -> Uuid {
        let mut unit = self.store.unit(self.permit(tenant, &NOTE)).await.unwrap();
        let sealer = unit.column_sealer(patient).await.unwrap().unwrap();
        let id = self.machine.next();
        let mut row = ActiveModel { id: Set(id), patient: Set(patient.into()), ..Default::default() };
        let mut changes = vec![row.seal_note(&sealer, SECRET).unwrap()];
        if let Some(phone) = phone {
            changes.push(row.seal_phone(&sealer, phone).unwrap());
        }
        unit.insert(row).await.unwrap();
        unit.commit(Event::of(&NOTE, NOTED, ward::kernel::Entity::new("visit", id)).with_all(changes))
            .await
            .unwrap();
        id
    }

    async fn read(&self, id: Uuid) -> Model {
        let reading = self.store.reading(self.permit(self.tenant, &SHOW)).await.unwrap();
        reading.one(Entity::find().filter(Column::Id.eq(id))).await.unwrap().unwrap()
    }

    async fn key(&self, subject: SubjectId) -> Arc<SubjectKey> {
        let mut reading = self.store.reading(self.permit(self.tenant, &SHOW)).await.unwrap();
        reading.subject_keys(&[subject]).await.unwrap().pop().flatten().unwrap()
    }

    fn vault(&self) -> Vault {
        Vault::new(self.machine.clone())
    }
}

#[tokio::test]
async fn a_sealed_column_opens_for_a_receipt_that_names_it_and_for_no_other() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let (visit, other) =
        (w.visit(w.tenant, patient, Some(PHONE)).await, w.visit(w.tenant, patient, None).await);
    let (visit, other, key, vault) =
        (w.read(visit).await, w.read(other).await, w.key(patient).await, w.vault());
    assert_eq!(other.phone().map(|phone| phone.place()), None);

    let receipt = w.look(&[&visit], &["note"]).await;
    assert_eq!(visit.note().open(&vault, &key, &receipt).unwrap().as_str(), Some(SECRET));
    let refused = |field: ward_postgres::SealedField<'_>| field.open(&vault, &key, &receipt).err();
    assert_eq!(refused(visit.phone().unwrap()), Some(OpenError::NotCovered), "another column");
    assert_eq!(refused(other.note()), Some(OpenError::NotCovered), "another row");
    let receipt = w.look(&[&visit, &other], &["note", "phone"]).await;
    assert_eq!(visit.phone().unwrap().open(&vault, &key, &receipt).unwrap().as_str(), Some(PHONE));
    assert_eq!(other.note().open(&vault, &key, &receipt).unwrap().as_str(), Some(SECRET));
    w.machine.advance(ward::audit::Receipt::LIFETIME);
    assert_eq!(other.note().open(&vault, &key, &receipt).err(), Some(OpenError::NotCovered), "too late");
}

#[tokio::test]
async fn a_value_moved_to_another_row_column_or_tenant_does_not_open() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let (one, two) =
        (w.visit(w.tenant, patient, Some(PHONE)).await, w.visit(w.tenant, patient, Some(PHONE)).await);
    let (key, vault) = (w.key(patient).await, w.vault());
    let moved = [
        format!("note = (SELECT note FROM clinic.visit WHERE id = '{two}')"),
        "note = phone".to_owned(),
        "phone = note".to_owned(),
        format!("phone = (SELECT phone FROM clinic.visit WHERE id = '{two}')"),
    ];
    for change in moved {
        let was = w.read(one).await;
        let sql = format!("UPDATE clinic.visit SET {change} WHERE id = '{one}'");
        assert_eq!(w.db.run("postgres", sql).await.unwrap(), 1);
        let visit = w.read(one).await;
        let receipt = w.look(&[&visit], &["note", "phone"]).await;
        let field = if change.starts_with("note") { visit.note() } else { visit.phone().unwrap() };
        assert_eq!(field.open(&vault, &key, &receipt).err(), Some(OpenError::Forged), "{change}");
        // As it was, it opens.
        for (column, bytes) in
            [("note", was.note.as_bytes()), ("phone", was.phone.as_ref().unwrap().as_bytes())]
        {
            let hex = hex::encode(bytes);
            let back = format!("UPDATE clinic.visit SET {column} = '\\x{hex}' WHERE id = '{one}'");
            w.db.run("postgres", back).await.unwrap();
        }
        let visit = w.read(one).await;
        assert!(
            visit.note().open(&vault, &key, &receipt).is_ok()
                && visit.phone().unwrap().open(&vault, &key, &receipt).is_ok()
        );
    }
    let elsewhere = ward_testkit::found(&w.store, &w.machine).await.unwrap();
    let stranger = w.patient(elsewhere).await;
    let foreign = w.visit(elsewhere, stranger, None).await;
    let sql = format!(
        "UPDATE clinic.visit SET note = (SELECT note FROM clinic.visit WHERE id = '{foreign}') WHERE id = '{one}'"
    );
    w.db.run("postgres", sql).await.unwrap();
    let visit = w.read(one).await;
    let receipt = w.look(&[&visit], &["note"]).await;
    assert!(visit.note().open(&vault, &key, &receipt).is_err());
}

#[tokio::test]
async fn nothing_of_the_text_lies_in_the_database() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    w.visit(w.tenant, patient, Some(PHONE)).await;
    for table in ["clinic.visit", "ward.audit_leaf", "ward.wrapped_key", "ward.subject"] {
        for text in ["Lovelace", "2079460123"] {
            let hex = hex::encode(text);
            let found =
                format!("SELECT FROM {table} t WHERE t::text LIKE '%{text}%' OR t::text LIKE '%{hex}%'");
            assert_eq!(w.db.run("postgres", found).await.unwrap(), 0, "{text} in {table}");
        }
        assert_ne!(
            w.db.run("postgres", format!("SELECT FROM {table}")).await.unwrap(),
            0,
            "{table} holds nothing"
        );
    }
    // The event commits to what was written.
    let committed = "SELECT FROM ward.audit_leaf WHERE body::jsonb ->> 'action' = 'visit.noted' AND body LIKE '%\"note\"%'";
    assert_eq!(w.db.run("postgres", committed).await.unwrap(), 1);
}

#[tokio::test]
async fn a_blind_index_finds_equal_texts_of_its_tenant_and_column() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let id = w.visit(w.tenant, patient, Some(PHONE)).await;
    w.visit(w.tenant, patient, Some("+442079460999")).await;
    w.visit(w.tenant, patient, None).await;
    let reading = w.store.reading(w.permit(w.tenant, &SHOW)).await.unwrap();
    let of = |text| Model::index_of_phone(&*reading.keys().index(), text);
    let found = reading.all(Entity::find().filter(Column::PhoneIndex.eq(of(PHONE)))).await.unwrap();
    assert_eq!(found.iter().map(|visit| visit.id).collect::<Vec<_>>(), [id]);
    assert!(reading.all(Entity::find().filter(Column::PhoneIndex.eq(of("+1")))).await.unwrap().is_empty());
    let elsewhere = ward_testkit::found(&w.store, &w.machine).await.unwrap();
    let other = w.store.reading(w.permit(elsewhere, &SHOW)).await.unwrap();
    assert_ne!(of(PHONE), Model::index_of_phone(&*other.keys().index(), PHONE));
    let wards_own = ward::kernel::Indexer::index(&*reading.keys().index(), "phone", PHONE.as_bytes());
    assert_ne!(sea_orm::Value::from(of(PHONE)), wards_own.0.to_vec().into());
}

#[tokio::test]
async fn a_row_is_changed_in_place_by_its_own_tenant() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let id = w.visit(w.tenant, patient, None).await;
    let mut unit = w.store.unit(w.permit(w.tenant, &NOTE)).await.unwrap();
    let sealer = unit.column_sealer(patient).await.unwrap().unwrap();
    let visit = unit.one(Entity::find().filter(Column::Id.eq(id))).await.unwrap().unwrap();
    let mut row = ActiveModel::from(visit.clone());
    let change = row.seal_note(&sealer, "is better").unwrap();
    let update = Entity::update_many().col_expr(Column::Note, Expr::value(row.note.unwrap()));
    assert_eq!(unit.update(update.filter(Column::Id.eq(id))).await.unwrap(), 1);
    unit.commit(Event::of(&NOTE, NOTED, visit.row()).with(change)).await.unwrap();
    let visit = w.read(id).await;
    let receipt = w.look(&[&visit], &["note"]).await;
    let clear = visit.note().open(&w.vault(), &*w.key(patient).await, &receipt).unwrap();
    assert_eq!(clear.as_str(), Some("is better"));
}

#[tokio::test]
async fn nothing_is_sealed_without_a_row_or_a_living_key() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let mut unit = w.store.unit(w.permit(w.tenant, &NOTE)).await.unwrap();
    let sealer = unit.column_sealer(patient).await.unwrap().unwrap();
    let mut row = ActiveModel { id: NotSet, patient: Set(patient.into()), ..Default::default() };
    assert!(matches!(row.seal_note(&sealer, SECRET), Err(NotSealed::NoRow)));
    assert!(row.note.is_not_set());
    assert!(unit.column_sealer(w.machine.next().into()).await.unwrap().is_none(), "nobody");
    assert_eq!(format!("{sealer:?}"), "ColumnSealer(..)");
    let elsewhere = ward_testkit::found(&w.store, &w.machine).await.unwrap();
    let mut other = w.store.unit(w.permit(elsewhere, &NOTE)).await.unwrap();
    assert!(other.column_sealer(patient).await.unwrap().is_none(), "another tenant's patient");
}

#[tokio::test]
async fn what_was_never_sealed_is_no_value_of_a_sealed_column() {
    let w = Clinic::create().await;
    let patient = w.patient(w.tenant).await;
    let id = w.visit(w.tenant, patient, None).await;
    let plain = sea_orm::Value::from(SECRET.as_bytes().to_vec());
    assert!(<SealedText as ValueType>::try_from(plain).is_err());
    let visit = w.read(id).await;
    let sealed = sea_orm::Value::from(visit.note.clone());
    assert_eq!(<SealedText as ValueType>::try_from(sealed).unwrap(), visit.note);
    assert_eq!(format!("{:?}", visit.note), "SealedText(..)");
    w.db.run("postgres", format!("UPDATE clinic.visit SET note = '{SECRET}'")).await.unwrap();
    let reading = w.store.reading(w.permit(w.tenant, &SHOW)).await.unwrap();
    let read = reading.all(Entity::find()).await;
    assert!(matches!(&read, Err(StoreError::Failed(_))), "{read:?}");
    assert!(!format!("{read:?}").contains("Lovelace"));
}
