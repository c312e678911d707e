use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::oracle;
use super::probe::{Context, Needs, Probe, Rows, on_function, on_table, on_view};
use super::report::{Breach, Report};
use super::sample::{Sample, markers};
use super::target::{Table, Targets};
use super::trial::{Field, Outcome};

#[derive(Debug)]
pub(crate) struct Campaign<'c> {
    field: Field<'c>,
    /// What is known of each table, in the targets' order; nothing before the reconnaissance.
    known: Vec<Known>,
    markers: BTreeSet<String>,
    /// Whose row each probe that got nothing would have needed, and in which table; in any, if it was aimed at no table.
    empty: Vec<(Option<usize>, Needs)>,
    report: Report,
}

#[derive(Debug, Default)]
struct Known {
    own: Sample,
    theirs: Sample,
    /// The victim's rows, digested, before anything was tried.
    state: String,
}

impl<'c> Campaign<'c> {
    pub(crate) async fn run(
        conn: &'c mut PgConnection,
        attacker: Uuid,
        victim: Uuid,
    ) -> Result<Report, sqlx::Error> {
        let targets = Targets::find(conn).await?;
        let field = Field { conn, attacker, victim };
        let markers = BTreeSet::from([victim.to_string()]);
        let mut campaign =
            Self { field, known: Vec::new(), markers, empty: Vec::new(), report: Report::default() };
        // What no tenant ever set leads to can only be seen before the first is set.
        campaign.on_tables(&targets, Context::Unset).await?;
        campaign.reconnoitre(&targets).await?;
        for context in [Context::Attacker, Context::Empty, Context::Garbage] {
            campaign.on_tables(&targets, context).await?;
            campaign.on_views(&targets, context).await?;
            campaign.on_functions(&targets, context).await?;
        }
        campaign.on_oracles(&targets).await?;
        Ok(campaign.sum(&targets))
    }

    /// Sees what each tenant sees of itself.
    async fn reconnoitre(&mut self, targets: &Targets) -> Result<(), sqlx::Error> {
        let (attacker, victim) = (self.field.attacker, self.field.victim);
        for table in &targets.tables {
            self.field.enter(attacker).await?;
            let own = Sample::take(self.field.conn, table, attacker).await?;
            self.field.enter(victim).await?;
            let theirs = Sample::take(self.field.conn, table, victim).await?;
            let state = self.field.state(&digest(table, victim)).await?;
            self.known.push(Known { own, theirs, state });
        }
        self.markers =
            markers(victim, self.known.iter().map(|k| &k.theirs), self.known.iter().map(|k| &k.own));
        Ok(())
    }

    async fn on_tables(&mut self, targets: &Targets, context: Context) -> Result<(), sqlx::Error> {
        let (attacker, victim, nothing) = (self.field.attacker, self.field.victim, Known::default());
        for (place, table) in targets.tables.iter().enumerate() {
            let known = self.known.get(place).unwrap_or(&nothing);
            let rows = Rows { attacker: &known.own, victim: &known.theirs };
            let before = self.known.get(place).map(|known| known.state.clone());
            let digest = digest(table, victim);
            for probe in on_table(table, rows, context, attacker, victim) {
                let state = before.as_deref().map(|before| (&*digest, before));
                self.probe(&probe, context, Some(place), state).await?;
            }
        }
        Ok(())
    }

    async fn on_views(&mut self, targets: &Targets, context: Context) -> Result<(), sqlx::Error> {
        for view in &targets.views {
            for probe in on_view(view, context, self.field.attacker) {
                self.probe(&probe, context, None, None).await?;
            }
        }
        Ok(())
    }

    /// Calls them with the victim's ids, and looks at all its rows after each.
    async fn on_functions(&mut self, targets: &Targets, context: Context) -> Result<(), sqlx::Error> {
        let known = self.known.iter().flat_map(|known| known.theirs.ids());
        let ids: BTreeSet<String> =
            known.filter(|id| self.markers.contains(*id)).map(str::to_owned).collect();
        let ids: Vec<_> = ids.into_iter().chain([self.field.victim.to_string()]).collect();
        let digests: Vec<_> =
            targets.tables.iter().map(|table| format!("({})", digest(table, self.field.victim))).collect();
        let digest = format!("SELECT concat_ws(' ', {})", digests.join(", "));
        let before = self.known.iter().map(|known| &*known.state).collect::<Vec<_>>().join(" ");
        for function in targets.functions.iter().filter(|function| !function.crosses) {
            for probe in on_function(function, &ids) {
                self.probe(&probe, context, None, Some((&digest, &before))).await?;
            }
        }
        Ok(())
    }

    async fn on_oracles(&mut self, targets: &Targets) -> Result<(), sqlx::Error> {
        for (table, known) in
            targets.tables.iter().zip(&self.known).filter(|(table, _)| !table.insertable.is_empty())
        {
            let rows = Rows { attacker: &known.own, victim: &known.theirs };
            for key in table.keys.iter().filter(|key| !key.columns.is_empty()) {
                let outcome = oracle::key(&mut self.field, table, rows, key).await?;
                self.report.count(&table.name, "unique index", Context::Attacker, outcome);
            }
            for reference in &table.references {
                let parent = targets.tables.iter().position(|table| table.name == reference.parent);
                let Some(parent) = parent.and_then(|place| self.known.get(place)) else { continue };
                let outcome =
                    oracle::reference(&mut self.field, table, &known.own, reference, &parent.theirs).await?;
                self.report.count(&table.name, "foreign key", Context::Attacker, outcome);
            }
        }
        Ok(())
    }

    /// Tries one statement; `state` is a question to the victim and its answer before.
    async fn probe(
        &mut self,
        probe: &Probe,
        context: Context,
        place: Option<usize>,
        state: Option<(&str, &str)>,
    ) -> Result<(), sqlx::Error> {
        let (answer, after) =
            self.field.ask(context, &probe.sql, state.map(|(question, _)| question)).await?;
        let changed = after.as_deref().zip(state).is_some_and(|(after, (_, before))| after != before);
        let outcome = answer.judge(probe, context, &self.markers, changed);
        if outcome == Outcome::Empty {
            self.empty.push((place, probe.needs));
        }
        self.report.count(&probe.object, probe.name, context, outcome);
        Ok(())
    }

    fn sum(self, targets: &Targets) -> Report {
        let lacks = |sample: fn(&Known) -> &Sample, place: Option<usize>| match place {
            Some(place) => self.known.get(place).is_none_or(|known| sample(known).is_empty()),
            None => self.known.iter().all(|known| sample(known).is_empty()),
        };
        let vacuous = self.empty.iter().filter(|(place, needs)| match needs {
            Needs::Nothing => false,
            Needs::Victim => lacks(|known| &known.theirs, *place),
            Needs::Attacker => lacks(|known| &known.own, *place),
        });
        let (called, left_out): (Vec<_>, Vec<_>) =
            targets.functions.iter().partition(|function| !function.crosses);
        Report {
            tables: targets.tables.len() as u64,
            views: targets.views.len() as u64,
            functions: called.len() as u64,
            left_out: left_out.len() as u64,
            vacuous: self.report.vacuous + vacuous.count() as u64,
            ..self.report
        }
    }
}

impl Report {
    fn count(&mut self, object: &str, probe: &'static str, context: Context, outcome: Outcome) {
        self.probes += 1;
        match outcome {
            Outcome::Refused | Outcome::Empty => {}
            Outcome::Vacuous => self.vacuous += 1,
            Outcome::Inconclusive => self.inconclusive += 1,
            Outcome::Breach(detail) => {
                self.breaches.push(Breach {
                    object: object.to_owned(),
                    probe,
                    context: context.name(),
                    detail,
                });
            }
        }
    }
}

/// What `tenant` has in `table`, in a few bytes; nothing where it may not be read.
fn digest(table: &Table, tenant: Uuid) -> String {
    if table.columns.is_empty() {
        return "SELECT '-'".into();
    }
    let columns: Vec<_> = table.columns.iter().map(|column| format!("x.{}", column.name)).collect();
    let row = format!("md5(ROW({})::text)", columns.join(", "));
    let name = &table.name;
    format!(
        "SELECT count(*) || coalesce(md5(string_agg({row}, '' ORDER BY {row})), '-') FROM {name} x WHERE x.tenant = '{tenant}'"
    )
}
