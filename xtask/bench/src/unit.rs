//! At the port: a product team's own row, written and read through Ward and without it.

use std::sync::Arc;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use ward::Reading;
use ward::audit::Event;
use ward::kernel::{self, Action, Ids as _, Operation};

use crate::Outcome;
use crate::rounds::{Contender, Effort, Score, compete};
use crate::table::{Table, figure};
use crate::world::World;

pub(crate) const STORED: Action = Action::new("note.stored");
pub(crate) const SHOWN: Action = Action::new("note.disclosed");

pub(crate) static WRITE: Operation = Operation::change("storeNote", "notes.store", &[STORED]);
pub(crate) static READ: Operation = Operation::read("showNote", "notes.show", &[SHOWN]);

const ROWS: u32 = 20_000;
/// Governed and not: the same row in each. And a log, as one writes it by hand.
pub(crate) const TABLES: &str = "
    CREATE SCHEMA bench;
    CREATE TABLE bench.governed (tenant uuid DEFAULT ward.tenant(), id uuid, body text NOT NULL, PRIMARY KEY (tenant, id));
    CREATE TABLE bench.bare (tenant uuid, id uuid, body text NOT NULL, PRIMARY KEY (tenant, id));
    CREATE TABLE bench.log (id uuid PRIMARY KEY, tenant uuid NOT NULL, at timestamptz NOT NULL DEFAULT now(), action text NOT NULL, entity uuid NOT NULL);
    SELECT ward.isolate('bench.governed');
    GRANT USAGE ON SCHEMA bench TO ward_app;
    GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bench TO ward_app";
const BODY: &str = "Slept well; no pain since Tuesday. Dressing changed, wound dry. Next visit in a week, earlier if it reddens.";

/// A table of notes, governed or not.
macro_rules! notes {
    ($name:ident, $table:literal) => {
        pub(crate) mod $name {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, DeriveEntityModel)]
            #[sea_orm(schema_name = "bench", table_name = $table)]
            pub(crate) struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub(crate) tenant: Uuid,
                #[sea_orm(primary_key, auto_increment = false)]
                id: Uuid,
                body: String,
            }
            #[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
            pub(crate) enum Relation {}
            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
notes!(governed, "governed");
notes!(bare, "bare");

mod log {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(schema_name = "bench", table_name = "log")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        tenant: Uuid,
        action: String,
        entity: Uuid,
    }
    #[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

impl ward_postgres::TenantTable for governed::Entity {
    const TENANT: governed::Column = governed::Column::Tenant;
}

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let notes = Arc::new(Notes::create().await?);
    let head = ["at the port", "clients", "p50 µs", "× bare", "a second", "of bare"];
    let mut table = Table::new("A product's own row, at the port", head);
    for clients in [1, 16] {
        let write = [
            notes.contender("bare INSERT", |notes, _| async move { notes.insert().await }),
            notes.contender("governed write", |notes, _| async move { notes.write().await }),
        ];
        let read = [
            notes.contender("bare SELECT", |notes, id| async move { notes.select(id).await }),
            notes.contender("governed read", |notes, id| async move { notes.read(id).await.map(drop) }),
        ];
        let disclose = [
            notes.contender("bare SELECT, log INSERT", |notes, id| async move {
                notes.select(id).await?;
                notes.log(id).await
            }),
            notes.contender("disclosure", |notes, id| async move { notes.disclose(id).await }),
        ];
        let leaf = [
            notes.contender("a transaction without a leaf", |notes, _| async move { notes.transact().await }),
            notes.contender(
                "governed write: one with its leaf",
                |notes, _| async move { notes.write().await },
            ),
        ];
        for contenders in [write, leaf, read, disclose] {
            rows(&mut table, clients, &compete(effort, clients, &contenders).await?);
        }
    }
    Ok(vec![table])
}

/// One line for each score.
pub(crate) fn rows(table: &mut Table, clients: usize, scores: &[Score]) {
    for (n, score) in scores.iter().enumerate() {
        let ratio = |ratio: String| if n == 0 { "1".to_owned() } else { ratio };
        let (cost, rate) = (&score.cost, &score.rate);
        table.row([
            score.name.to_owned(),
            clients.to_string(),
            figure(cost.median()),
            ratio(cost.ratio()),
            figure(rate.median()),
            ratio(rate.ratio()),
        ]);
    }
}

struct Notes {
    world: World,
    ids: Vec<Uuid>,
}

impl Notes {
    async fn create() -> Outcome<Self> {
        let world = World::create(TABLES, &[&WRITE, &READ]).await?;
        let ids: Vec<_> = (0..ROWS).map(|_| world.machine.next()).collect();
        let tenant = Uuid::from(world.tenant);
        for chunk in ids.chunks(1_000) {
            let unit = world.store.unit(world.permit(&WRITE)?).await?;
            for id in chunk {
                unit.insert(governed::ActiveModel {
                    id: Set(*id),
                    body: Set(BODY.into()),
                    ..Default::default()
                })
                .await?;
            }
            unit.commit(Event::of(&WRITE, STORED, world.tenant)).await?;
            let rows = chunk.iter().map(|id| bare::ActiveModel {
                tenant: Set(tenant),
                id: Set(*id),
                body: Set(BODY.into()),
            });
            bare::Entity::insert_many(rows).exec_without_returning(&world.bare).await?;
        }
        Ok(Self { world, ids })
    }

    /// Each time for another of the rows there were at first.
    fn contender<F: Future<Output = Outcome> + Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        act: impl Fn(Arc<Self>, Uuid) -> F + Send + Sync + 'static,
    ) -> Contender {
        let (notes, turn) = (self.clone(), std::sync::atomic::AtomicUsize::new(0));
        Contender::new(name, move |_| {
            let turn = turn.fetch_add(7_919, std::sync::atomic::Ordering::Relaxed);
            let id = notes.ids.get(turn % notes.ids.len()).copied().unwrap_or_default();
            act(notes.clone(), id)
        })
    }

    async fn insert(&self) -> Outcome {
        let row = bare::ActiveModel {
            tenant: Set(self.world.tenant.into()),
            id: Set(self.world.machine.next()),
            body: Set(BODY.into()),
        };
        bare::Entity::insert(row).exec_without_returning(&self.world.bare).await?;
        Ok(())
    }

    /// What a governed write does, but for the log: as its tenant, behind the same walls.
    #[expect(clippy::disallowed_methods, reason = "nobody drops a measurement halfway")]
    async fn transact(&self) -> Outcome {
        let begin = format!("BEGIN READ WRITE; SET LOCAL ward.tenant = '{}'", Uuid::from(self.world.tenant));
        let pool = self.world.bare.get_postgres_connection_pool();
        let mut transaction = pool.begin_with(sqlx::AssertSqlSafe(begin)).await?;
        let insert = sqlx::query("INSERT INTO bench.governed (id, body) VALUES ($1, $2)");
        insert.bind(self.world.machine.next()).bind(BODY).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn write(&self) -> Outcome {
        let unit = self.world.store.unit(self.world.permit(&WRITE)?).await?;
        let id = self.world.machine.next();
        unit.insert(governed::ActiveModel { id: Set(id), body: Set(BODY.into()), ..Default::default() })
            .await?;
        unit.commit(Event::of(&WRITE, STORED, kernel::Entity::new("note", id))).await?;
        Ok(())
    }

    async fn select(&self, id: Uuid) -> Outcome {
        let select = bare::Entity::find_by_id((self.world.tenant.into(), id));
        select.one(&self.world.bare).await?.map(drop).ok_or_else(|| "a row is gone".into())
    }

    async fn read(&self, id: Uuid) -> Outcome<Box<dyn Reading>> {
        let reading = self.world.store.reading(self.world.permit(&READ)?).await?;
        let found = reading.one(governed::Entity::find().filter(governed::Column::Id.eq(id))).await?;
        found.map(|_| Box::new(reading) as _).ok_or_else(|| "a row is gone".into())
    }

    async fn disclose(&self, id: Uuid) -> Outcome {
        let event = Event::of(&READ, SHOWN, kernel::Entity::new("note", id)).disclosing(["body"]);
        self.read(id).await?.disclose(event).await?;
        Ok(())
    }

    async fn log(&self, id: Uuid) -> Outcome {
        let row = log::ActiveModel {
            id: Set(self.world.machine.next()),
            tenant: Set(self.world.tenant.into()),
            action: Set(SHOWN.as_str().to_owned()),
            entity: Set(id),
        };
        log::Entity::insert(row).exec_without_returning(&self.world.bare).await?;
        Ok(())
    }
}
