//! A product team's table with sealed columns, and what its people may do.

use std::sync::Arc;

use sea_orm::entity::prelude::*;
use ward::Store as _;
use ward::audit::Receipt;
use ward::kernel::{Action, Ids as _, Operation, SubjectId, TenantId, authority};
use ward::rbac::{Permit, Policy};
use ward::subject::subject::{Draft, create};
use ward::subject::{Catalogue, Fields, Kind, SUBJECT_CREATED};
use ward_postgres::{IndexedText, Postgres, SealedColumns, SealedText, TenantTable};
use ward_testkit::{Database, Machine, found, open};

pub(crate) const NOTED: Action = Action::new("visit.noted");
pub(crate) const SHOWN: Action = Action::new("visit.disclosed");
pub(crate) static NOTE: Operation = Operation::change("noteVisit", "visits.note", &[NOTED, SUBJECT_CREATED]);
pub(crate) static SHOW: Operation = Operation::read("showVisit", "visits.read", &[SHOWN]);

const TABLE: &str = "
    CREATE SCHEMA clinic;
    CREATE TABLE clinic.visit (
        tenant uuid DEFAULT ward.tenant(), id uuid, patient uuid NOT NULL, note bytea NOT NULL, phone bytea, phone_index bytea,
        PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, patient) REFERENCES ward.subject (tenant, id));
    SELECT ward.isolate('clinic.visit');
    GRANT USAGE ON SCHEMA clinic TO ward_app; GRANT SELECT, INSERT, UPDATE (note, phone, phone_index) ON clinic.visit TO ward_app";

#[derive(Clone, Debug, Eq, PartialEq, DeriveEntityModel, SealedColumns)]
#[sea_orm(schema_name = "clinic", table_name = "visit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) patient: Uuid,
    #[sealed]
    pub(crate) note: SealedText,
    #[sealed(index = phone_index)]
    pub(crate) phone: Option<SealedText>,
    pub(crate) phone_index: Option<IndexedText>,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}
impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

pub(crate) struct Clinic {
    pub(crate) db: Database,
    pub(crate) store: Postgres,
    pub(crate) machine: Arc<Machine>,
    pub(crate) tenant: TenantId,
    policy: Policy,
}

impl Clinic {
    pub(crate) async fn create() -> Self {
        let (db, machine) = (Database::create().await.unwrap(), Arc::new(Machine::default()));
        db.run("ward_owner", TABLE).await.unwrap();
        let store = open(&db.url("ward_app"), 8, &machine).await.unwrap();
        let tenant = found(&store, &machine).await.unwrap();
        Self { db, store, machine, tenant, policy: Policy::compile(&[&NOTE, &SHOW], &[]).unwrap() }
    }

    pub(crate) fn permit(&self, tenant: TenantId, operation: &'static Operation) -> Permit {
        let grants = self.policy.grants(["visits.note", "visits.read"]).0;
        let who = authority::user(tenant, self.machine.next().into(), vec![], grants);
        self.policy.permit(&Arc::new(who), operation).unwrap()
    }

    /// Somebody new, whose values have a key.
    pub(crate) async fn patient(&self, tenant: TenantId) -> SubjectId {
        let mut unit = self.store.unit(self.permit(tenant, &NOTE)).await.unwrap();
        let name = serde_json::json!("Ada");
        let fields = Fields::parse(Catalogue::standard().subject(), [("given_name", &name)]).unwrap();
        let new = (self.machine.next().into(), ward::kernel::Clock::now(&*self.machine));
        let draft = Draft::new(Kind::Patient, fields);
        let (patient, created) = create(&mut unit, &NOTE, tenant, new, &draft).await.unwrap();
        unit.commit(created).await.unwrap();
        patient.id
    }

    /// What a committed look at `columns` of `rows` gives.
    pub(crate) async fn look(&self, rows: &[&Model], columns: &[&'static str]) -> Receipt {
        let reading = self.store.read(self.permit(self.tenant, &SHOW)).await.unwrap();
        let event = ward::audit::Event::of(&SHOW, SHOWN, rows[0].row()).disclosing(columns.iter().copied());
        reading.disclose(event.covering(rows[1..].iter().map(|row| row.row()))).await.unwrap()
    }
}
