//! Other keys that follow people's keys and a tenant's own, beside the same UPDATEs of the same rows without a cipher.

mod plain;

use std::sync::Arc;
use std::time::Instant;

use ward::audit::Event;
use ward::crypto::{KeyPurpose, Keyring};
use ward::kernel::{
    Action, Clock as _, Ids as _, Operation, Requires, RotationId, Sealer, SubjectId, TenantId, Uuid,
    authority,
};
use ward::rbac::{Permit, Policy};
use ward::subject::{Kind, SealedFields, StoredSubject, Subjects};
use ward::{
    ADVANCE_ROTATION, ROTATION_STARTED, ROTATOR, RotationState, SCHEDULE_ROTATIONS, Store as _, advance,
};

use crate::Outcome;
use crate::rounds::{Effort, order, scores};
use crate::table::{Table, figure};
use crate::world::Tenants;
use plain::Plain;

const FILLED: Action = Action::new("bench.filled");
static FILL: Operation = Operation {
    id: "fillBench",
    requires: Requires::Job(ROTATOR),
    events: &[FILLED],
    writes: true,
    discloses: false,
    controls: &[],
    rate: "job",
    idempotent: false,
};

/// What is known of each person.
const VALUES: [(&str, &[u8]); 4] = [
    ("email", b"ada.lovelace@example.org"),
    ("family_name", b"Lovelace"),
    ("given_name", b"Ada"),
    ("phone", b"+12065550123"),
];
/// Rows that are moved in one commit, with Ward and without.
const BATCH: usize = 200;

/// Who takes turns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    /// Fields alone are updated.
    Fields,
    /// All rows that a person's new key takes are written.
    Rows,
    /// A wrapped key alone is updated.
    Keys,
    /// Ward rotates.
    Ward(RotationId),
}

pub(crate) async fn measure(effort: Effort, fields: usize) -> Outcome<Vec<Table>> {
    let batches = (fields / VALUES.len()).div_ceil(BATCH * effort.rounds);
    let bench = Bench::filled(batches * BATCH * effort.rounds).await?;
    let mut tables = Vec::new();
    let subjects = bench.begin(KeyPurpose::Subject).await?;
    let people = [
        ("UPDATE of the fields", Who::Fields),
        ("UPDATE of fields and key, INSERT of a key", Who::Rows),
        ("Ward: other keys follow people's", Who::Ward(subjects)),
    ];
    let title = format!("{} fields of {} people, sealed anew", bench.people * VALUES.len(), bench.people);
    tables.push(bench.race(&title, (effort, batches), &people, VALUES.len()).await?);
    let own = bench.begin_own().await?;
    let keys = [("UPDATE of wrapped keys", Who::Keys), ("Ward: wrapped by the next", Who::Ward(own))];
    let title = format!("{} people's keys, wrapped anew under the next of the tenant's own", bench.people);
    tables.push(bench.race(&title, (effort, batches), &keys, 1).await?);
    Ok(tables)
}

struct Bench {
    tenants: Tenants,
    tenant: TenantId,
    people: usize,
    plain: Plain,
}

impl Bench {
    /// So many people in Ward's tables, and copies of these that Ward doesn't know.
    async fn filled(people: usize) -> Outcome<Self> {
        let tenants = Tenants::create(plain::TABLES, &[], 1).await?;
        let tenant = tenants.id(0).ok_or("no tenant")?;
        for left in (0..people).step_by(BATCH) {
            fill(&tenants, tenant, BATCH.min(people - left)).await?;
        }
        tenants.db.run("postgres", plain::COPY).await?;
        tenants.db.run("postgres", "VACUUM ANALYZE").await?;
        let plain = Plain::new(&tenants.db, tenant).await?;
        Ok(Self { tenants, tenant, people, plain })
    }

    async fn begin(&self, purpose: KeyPurpose) -> Outcome<RotationId> {
        let id = RotationId::from(self.tenants.machine.next());
        let mut unit = self.tenants.store.begin(permit(self.tenant, &SCHEDULE_ROTATIONS)?).await?;
        unit.begin_rotation(id, purpose).await?;
        unit.commit(Event::of(&SCHEDULE_ROTATIONS, ROTATION_STARTED, id)).await?;
        Ok(id)
    }

    /// Begins the rotation of the tenant's own key, as if that had been some minutes ago: everybody knows the next version by now.
    async fn begin_own(&self) -> Outcome<RotationId> {
        let id = self.begin(KeyPurpose::Tenant).await?;
        self.step(id).await?;
        let age = "
            SET session_replication_role = replica;
            UPDATE ward.wrapped_key SET created_at = created_at - interval '4 min' WHERE purpose = 'tenant';
            UPDATE ward.rotation SET begun_at = begun_at - interval '4 min'";
        self.tenants.db.run("postgres", age).await?;
        self.tenants.machine.advance(Keyring::LONGEST);
        Ok(id)
    }

    /// Each covers everything once, a part in each round.
    async fn race<const N: usize>(
        &self,
        title: &str,
        (effort, batches): (Effort, usize),
        contenders: &[(&'static str, Who); N],
        values: usize,
    ) -> Outcome<Table> {
        let (mut rounds, mut after) = (Vec::new(), [None; N]);
        for round in 0..effort.rounds {
            let mut done = vec![(0.0, 0.0); N];
            for n in order(round, N) {
                let (Some((_, who)), Some(after)) = (contenders.get(n), after.get_mut(n)) else { continue };
                let begun = Instant::now();
                for _ in 0..batches {
                    self.batch(*who, after).await?;
                }
                let rate = (batches * BATCH * values) as f64 / begun.elapsed().as_secs_f64();
                if let Some(done) = done.get_mut(n) {
                    *done = (1e6 / rate, rate);
                }
            }
            rounds.push(done);
        }
        let mut table = Table::new(title, ["", "µs each", "a second", "of UPDATE"]);
        for score in scores(contenders.iter().map(|(name, _)| *name), rounds.into_iter()) {
            let (each, rate) = (figure(score.cost.median()), figure(score.rate.median()));
            table.row([score.name.to_owned(), each, rate, score.rate.ratio()]);
        }
        Ok(table)
    }

    /// An id that is drawn may be taken: then it is tried again, as Ward's job is.
    async fn batch(&self, who: Who, after: &mut Option<Uuid>) -> Outcome {
        match self.attempt(who, after).await {
            Err(_) => self.attempt(who, after).await,
            done => done,
        }
    }

    async fn attempt(&self, who: Who, after: &mut Option<Uuid>) -> Outcome {
        match who {
            Who::Fields => self.plain.fields(after, false).await,
            Who::Rows => self.plain.fields(after, true).await,
            Who::Keys => self.plain.keys(after).await,
            Who::Ward(rotation) => match self.step(rotation).await? {
                moved if moved == BATCH as u64 => Ok(()),
                moved => Err(format!("{moved} rows were moved").into()),
            },
        }
    }

    /// A batch of a rotation, as Ward's job does it, and how many rows it moved.
    async fn step(&self, id: RotationId) -> Outcome<u64> {
        let mut unit = self.tenants.store.begin(permit(self.tenant, &ADVANCE_ROTATION)?).await?;
        let rotation = unit.hold_rotation(id).await?.ok_or("no rotation")?;
        let before = rotation.done;
        let (_, event) = advance(&mut *unit, rotation, None).await?;
        let after = unit.hold_rotation(id).await?.ok_or("no rotation")?;
        if after.state != RotationState::Running {
            return Err("the rotation ended too soon".into());
        }
        unit.commit(event.ok_or("nothing happened")?).await?;
        Ok(after.done - before)
    }
}

async fn fill(tenants: &Tenants, tenant: TenantId, people: usize) -> Outcome {
    let mut unit = tenants.store.begin(permit(tenant, &FILL)?).await?;
    let ids: Vec<SubjectId> = (0..people).map(|_| tenants.machine.next().into()).collect();
    let sealers = unit.make(&ids).await?;
    let now = tenants.machine.now();
    let subject = |(id, sealer): (&SubjectId, &Arc<dyn Sealer>)| {
        let sealed = sealer.seal_row(tenant, (*id).into(), &VALUES)?;
        let fields = VALUES.iter().map(|(name, _)| (*name).into()).zip(sealed).collect();
        Ok(StoredSubject {
            id: *id,
            kind: Kind::Patient,
            external_ref: None,
            email_index: None,
            phone_index: None,
            time_zone: None,
            jurisdiction: None,
            fields: SealedFields(fields),
            import_digest: None,
            created_at: now,
            updated_at: now,
        })
    };
    let subjects = ids.iter().zip(&sealers).map(subject).collect::<Outcome<Vec<_>>>()?;
    Subjects::add(&mut *unit, &subjects).await?;
    unit.commit(Event::of(&FILL, FILLED, tenant)).await?;
    Ok(())
}

fn permit(tenant: TenantId, operation: &'static Operation) -> Outcome<Permit> {
    #[expect(clippy::disallowed_methods, reason = "this is the job")]
    let job = Arc::new(authority::system(tenant, ROTATOR));
    Ok(Policy::compile(&[operation], &[])?.permit(&job, operation).map_err(|denied| denied.to_string())?)
}
