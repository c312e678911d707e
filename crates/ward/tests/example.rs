//! The example that product teams start from, run.
#![expect(clippy::unwrap_used, reason = "a test may")]

#[path = "../examples/clinic/service.rs"]
mod service;
#[path = "../examples/clinic/world.rs"]
mod world;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use world::World;

async fn ask(world: &World, session: &str, visit: Option<Value>) -> (StatusCode, Value) {
    let request = Request::builder().uri("/visits").header("x-session", session);
    let request = match visit {
        Some(visit) => request
            .method("POST")
            .header("content-type", "application/json")
            .body(Body::from(visit.to_string())),
        None => request.body(Body::empty()),
    };
    let answer = world.app.clone().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn visit(room: &str) -> Option<Value> {
    Some(json!({ "room": room, "patient": { "given_name": "Ada" } }))
}

/// How many rows the superuser sees, past every wall.
async fn rows(world: &World, table: &str) -> u64 {
    world.db.run("postgres", format!("SELECT FROM {table}")).await.unwrap()
}

async fn visits_subjects_keys(world: &World) -> [u64; 3] {
    let keys = "ward.wrapped_key WHERE subject IS NOT NULL";
    [rows(world, "clinic.visit").await, rows(world, "ward.subject").await, rows(world, keys).await]
}

async fn events(world: &World, action: &str) -> u64 {
    rows(world, &format!("ward.audit_leaf WHERE body::jsonb ->> 'action' = '{action}'")).await
}

#[tokio::test]
async fn a_permitted_visit_is_stored_with_its_patient_and_both_events() {
    let world = World::create().await.unwrap();
    let (status, id) = ask(&world, "lakeside-nurse", visit("4")).await;
    assert_eq!((status, id.is_string()), (StatusCode::OK, true), "{id}");
    assert_eq!(ask(&world, "lakeside-nurse", None).await, (StatusCode::OK, json!(["4"])));
    assert_eq!(visits_subjects_keys(&world).await, [1, 1, 1]);
    let together = "(SELECT FROM ward.audit_leaf l, jsonb_to_record(l.body::jsonb) AS e (operation text, unit uuid, action text)
        WHERE e.operation = 'noteVisit'
        GROUP BY e.unit HAVING array_agg(e.action ORDER BY e.action) = '{subject.created, visit.noted}') together";
    assert_eq!(rows(&world, together).await, 1);
}

#[tokio::test]
async fn a_refused_visit_is_in_the_log_and_nowhere_else() {
    let world = World::create().await.unwrap();
    assert_eq!(ask(&world, "lakeside-porter", visit("4")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(visits_subjects_keys(&world).await, [0, 0, 0]);
    assert_eq!(events(&world, "access.denied").await, 1);
    assert_eq!(ask(&world, "lakeside-porter", None).await.0, StatusCode::OK);
    assert_eq!(ask(&world, "nobody", None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_clinic_sees_nothing() {
    let world = World::create().await.unwrap();
    assert_eq!(ask(&world, "lakeside-nurse", visit("4")).await.0, StatusCode::OK);
    assert_eq!(ask(&world, "harbour-nurse", None).await, (StatusCode::OK, json!([])));
    // Nor does a query that forgets the tenant, and row-level security is what hides the row.
    assert_eq!(world.db.run("ward_app", "SELECT FROM clinic.visit").await.unwrap(), 0);
    world.db.run("postgres", "ALTER TABLE clinic.visit DISABLE ROW LEVEL SECURITY").await.unwrap();
    assert_eq!(world.db.run("ward_app", "SELECT FROM clinic.visit").await.unwrap(), 1);
    // Each wall holds alone: Ward's statements name the tenant as well.
    assert_eq!(ask(&world, "harbour-nurse", None).await, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn a_dropped_unit_leaves_nothing_of_either_change() {
    let world = World::create().await.unwrap();
    // The patient is stored by then; the table refuses the visit, and the unit is dropped.
    assert_eq!(ask(&world, "lakeside-nurse", visit("")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(visits_subjects_keys(&world).await, [0, 0, 0]);
    assert_eq!(events(&world, "subject.created").await + events(&world, "visit.noted").await, 0);
    let unknown = json!({ "room": "4", "patient": { "shoe_size": "44" } });
    assert_eq!(ask(&world, "lakeside-nurse", Some(unknown)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(visits_subjects_keys(&world).await, [0, 0, 0]);
}

#[test]
fn the_service_takes_fewer_than_a_hundred_lines() {
    let lines = include_str!("../examples/clinic/service.rs").lines().count();
    assert!(lines < 100, "{lines}");
}
