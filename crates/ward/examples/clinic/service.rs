//! A clinic's own service: its table, permission and event, written in one unit with Ward's change.
use std::{collections::HashMap, error::Error, sync::Arc};

use axum::{Extension, Json, Router, extract::State, http::StatusCode, routing::get};
use sea_orm::{ActiveValue::Set, entity::prelude::*};
use ward::audit::{Event, Events};
use ward::kernel::{self, Action, Machine, Operation, Principal};
use ward::rbac::{Permit, Policy};
use ward::subject::{Catalogue, Fields, Kind, SUBJECT_CREATED, subject::Draft, subject::create};
use ward::{Store as _, Unit as _};
use ward_postgres::{Postgres, TenantTable};

const NOTED: Action = Action::new("visit.noted");
/// Only these events explain its commits: Ward's change, and the clinic's own.
pub(crate) static NOTE_VISIT: Operation =
    Operation::change("noteVisit", "visits.note", &[SUBJECT_CREATED, NOTED]);
pub(crate) static LIST_VISITS: Operation = Operation::read("listVisits", "visits.read", &[]);

/// The clinic's migration; `ward.isolate` puts the table behind the same wall as Ward's own.
pub(crate) const TABLE: &str = "
    CREATE SCHEMA clinic;
    CREATE TABLE clinic.visit (
        tenant uuid DEFAULT ward.tenant(), id uuid, patient uuid NOT NULL, room text NOT NULL CHECK (room <> ''),
        PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, patient) REFERENCES ward.subject (tenant, id));
    SELECT ward.isolate('clinic.visit');
    GRANT USAGE ON SCHEMA clinic TO ward_app; GRANT SELECT, INSERT ON clinic.visit TO ward_app";

#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "clinic", table_name = "visit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    patient: Uuid,
    room: String,
}
#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}
impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

pub(crate) struct Clinic {
    pub(crate) store: Postgres,
    pub(crate) policy: Policy,
    pub(crate) machine: Arc<dyn Machine>,
}

pub(crate) fn routes(clinic: Clinic) -> Router {
    Router::new().route("/visits", get(list).post(note)).with_state(Arc::new(clinic))
}

type Answer<T> = Result<T, StatusCode>;
type Here = State<Arc<Clinic>>;
/// Whoever the clinic's own log-in let in.
type Caller = Extension<Arc<Principal>>;

#[derive(serde::Deserialize)]
struct NewVisit {
    room: String,
    patient: HashMap<String, serde_json::Value>,
}

async fn note(clinic: Here, who: Caller, visit: Json<NewVisit>) -> Answer<Json<Uuid>> {
    let mut unit = clinic.store.unit(permit(&clinic, &who, &NOTE_VISIT).await?).await.map_err(failed)?;

    let given = visit.patient.iter().map(|(name, value)| (name.as_str(), value));
    let fields = Fields::parse(Catalogue::standard().subject(), given);
    let draft = Draft::new(Kind::Patient, fields.map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?);
    let (tenant, new) = (unit.writer().tenant(), (clinic.machine.next().into(), clinic.machine.now()));
    let (patient, created) = create(&mut unit, &NOTE_VISIT, tenant, new, &draft).await.map_err(failed)?;

    let (id, patient, room) = (clinic.machine.next(), patient.id.into(), visit.0.room);
    let row = ActiveModel { id: Set(id), patient: Set(patient), room: Set(room), ..Default::default() };
    unit.insert(row).await.map_err(failed)?;
    let noted = Event::of(&NOTE_VISIT, NOTED, kernel::Entity::new("visit", id));

    unit.commit(Events::from(created).and(noted)).await.map_err(failed)?;
    Ok(Json(id))
}

async fn list(clinic: Here, who: Caller) -> Answer<Json<Vec<String>>> {
    let reading = clinic.store.reading(permit(&clinic, &who, &LIST_VISITS).await?).await.map_err(failed)?;
    let visits = reading.all(Entity::find()).await.map_err(failed)?; // there is no `WHERE tenant` to forget
    Ok(Json(visits.into_iter().map(|visit| visit.room).collect()))
}

async fn permit(clinic: &Clinic, who: &Arc<Principal>, what: &'static Operation) -> Answer<Permit> {
    match clinic.policy.permit(who, what) {
        Ok(permit) => Ok(permit),
        Err(denied) => clinic.store.refuse(&denied).await.map_err(failed).and(Err(StatusCode::FORBIDDEN)),
    }
}

fn failed(_: impl Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
