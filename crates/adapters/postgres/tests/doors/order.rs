//! Units that want the same people want them in one order: subjects, by their ids, and then records.

use ward::kernel::{Clock as _, RecordId, SubjectId, TenantId};
use ward::subject::import::{Importer, Mapping, Outcome, Rows, Syntax, batch};
use ward::subject::{Catalogue, Fields, Kind, SubjectError, record, subject};
use ward::{Store as _, Unit};

use crate::support::{WRITE, World, world};

#[tokio::test]
async fn nobody_holds_a_record_while_waiting_for_its_subject() {
    let w = world().await;
    let (tenant, subject, record) = (w.tenant().await, w.id::<SubjectId>(), w.id::<RecordId>());
    let now = w.machine.now();
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let draft = subject::Draft::new(Kind::Patient, Fields::default());
    let _event = subject::create(&mut *unit, &WRITE, tenant, (subject, now), &draft).await.unwrap();
    let draft = record::Draft { category: "note".into(), occurred_on: None, fields: Fields::default() };
    let _event = record::create(&mut *unit, &WRITE, tenant, (record, subject, now), &draft).await.unwrap();
    unit.commit(w.wrote(subject)).await.unwrap();

    let mut first = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    assert_eq!(first.hold(&[subject]).await.unwrap().len(), 1);
    let mut second = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let second = tokio::spawn(async move {
        second.hold_records(&[record]).await?;
        second.hold(&[subject]).await
    });
    is_waited(&w).await;
    assert_eq!(first.hold_records(&[record]).await.unwrap().len(), 1, "the second holds nothing yet");
    drop(first);
    assert_eq!(second.await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn an_import_holds_nobody_while_it_waits_for_somebody_before_them() {
    let w = world().await;
    let tenant = w.tenant().await;
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    import(&w, tenant, &mut *unit, "external_ref\nE1\nE2\n").await.unwrap();
    let indexer = unit.indexer();
    let mut people = Vec::new();
    for name in ["E1", "E2"] {
        let index = subject::ref_index(&*indexer, Kind::Employee, name);
        people.push((unit.known(&[index]).await.unwrap()[0].id, name));
    }
    people.sort_unstable();
    let [(earlier, _), (later, name)] = people[..] else { panic!("two were imported") };
    // Only the later one has a record.
    import(&w, tenant, &mut *unit, &format!("external_ref,role\n{name},nurse\n")).await.unwrap();
    unit.commit(w.wrote(later)).await.unwrap();

    let mut first = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    assert_eq!(first.hold(&[earlier]).await.unwrap().len(), 1);
    let mut second = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let both = import(&w, tenant, &mut *second, "external_ref,role\nE1,dentist\nE2,dentist\n");
    let then = async {
        is_waited(&w).await;
        let held = first.hold(&[later]).await.unwrap().len();
        drop(first);
        held
    };
    let (both, held) = tokio::join!(both, then);
    assert_eq!((held, both.unwrap()), (1, vec![Outcome::Updated; 2]));
}

/// What becomes of the employees of a file.
async fn import(
    w: &World,
    tenant: TenantId,
    unit: &mut dyn Unit,
    file: &str,
) -> Result<Vec<Outcome>, SubjectError> {
    let (mut rows, mut lines) = (Rows::new(Syntax::Csv), Vec::new());
    rows.feed(file.as_bytes(), &mut lines);
    let (mapping, catalogue) = (Mapping::standard(Kind::Employee), Catalogue::standard());
    let lines: Vec<_> = lines.into_iter().map(|line| (line.number, line.bytes.unwrap())).collect();
    let ((_, header), people) = lines.split_first().unwrap();
    let header = mapping.header(header).unwrap();
    let row = |(line, bytes): &(u64, Vec<u8>)| {
        mapping.row(&catalogue, Syntax::Csv, &header, (*line, bytes)).unwrap()
    };
    let rows: Vec<_> = people.iter().map(row).collect();
    let keys = unit.keys();
    let digests = |row: &[u8]| keys.import().digests(row);
    let importer =
        Importer { operation: &WRITE, tenant, now: w.machine.now(), ids: &*w.machine, digests: &digests };
    Ok(batch(unit, &importer, &rows).await?.outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Returns as soon as somebody waits for a lock.
async fn is_waited(w: &World) {
    while w.count("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted").await == 0 {
        tokio::task::yield_now().await;
    }
}
