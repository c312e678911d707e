//! Every sabotage, in a transaction that rolls back, must be found by the rule that is there for it.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection};
use ward_postgres::prover::{Declaration, Proof, RULES, prove};

use crate::clinic;
use crate::sabotages::{OF_EACH_DEFINER, OF_EACH_LOG, OF_EACH_TABLE, OF_THE_REST, Sabotage};

/// Found in the catalogue, so that a table of tomorrow is sabotaged too.
const TABLES: &str = "
    SELECT c.oid::regclass::text, replace(c.oid::regclass::text, '.', '_'), k.conname::text, a.attname::text,
           c.relkind = 'r' AND NOT c.relispartition
    FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 2
    WHERE c.relrowsecurity";

type Table = (String, String, String, String, bool);

struct Saboteur {
    root: PgConnection,
    tried: usize,
    /// What PostgreSQL itself does not let anybody do to a partition or its parent.
    impossible: usize,
    rules: BTreeSet<&'static str>,
    survivors: Vec<String>,
}

impl Saboteur {
    async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.root).await.map(drop)
    }

    /// What the serving role finds after `sql`, which then never happened; or why PostgreSQL refused it.
    async fn after(&mut self, sql: &str) -> Result<Proof, sqlx::Error> {
        loop {
            self.run("BEGIN").await.unwrap();
            let found = match self.run(sql).await {
                Ok(()) => Ok(self.proof().await),
                Err(refused) => Err(refused),
            };
            self.run("ROLLBACK").await.unwrap();
            // Roles are the whole server's, and another test may be preparing it.
            if !matches!(&found, Err(error) if error.to_string().contains("concurrently updated")) {
                return found;
            }
        }
    }

    async fn proof(&mut self) -> Proof {
        self.run("SET LOCAL SESSION AUTHORIZATION ward_app").await.unwrap();
        prove(&mut self.root, &Declaration::ward()).await.unwrap()
    }

    async fn try_all(&mut self, sabotages: &[Sabotage], partitioned: bool, fill: impl Fn(&str) -> String) {
        for (rule, names, sql) in sabotages {
            let (names, sql) = (fill(names), fill(sql));
            let proof = match self.after(&sql).await {
                Ok(proof) => proof,
                Err(_) if partitioned => {
                    self.impossible += 1;
                    continue;
                }
                Err(error) => panic!("{error}: {sql}"),
            };
            let told = |text: &str| text.contains(&names);
            let found =
                proof.findings.iter().any(|f| f.rule.code == *rule && (told(&f.object) || told(&f.detail)));
            self.tried += 1;
            self.rules.insert(rule);
            if !found {
                self.survivors.push(format!("{rule} did not name {names} after {sql}: {:?}", proof.findings));
            }
        }
    }
}

fn of_table<'t>((t, n, pk, c, _): &'t Table) -> impl Fn(&str) -> String + 't {
    move |text| text.replace("{t}", t).replace("{n}", n).replace("{pk}", pk).replace("{c}", c)
}

#[tokio::test]
async fn every_sabotage_of_every_table_is_found() {
    let db = clinic::database().await;
    let mut root = db.connect("postgres").await.unwrap();
    let tables: Vec<Table> = sqlx::query_as(TABLES).fetch_all(&mut root).await.unwrap();
    let mut saboteur = Saboteur { root, tried: 0, impossible: 0, rules: BTreeSet::new(), survivors: vec![] };
    assert_eq!(
        saboteur.after("SELECT 1").await.unwrap().findings,
        [],
        "else anything would do for a finding"
    );

    for table in &tables {
        saboteur.try_all(OF_EACH_TABLE, !table.4, of_table(table)).await;
    }
    let (of_each_table, impossible) = (saboteur.tried, saboteur.impossible);
    let months = tables.iter().map(|(t, ..)| t).filter(|t| t.starts_with("ward.audit_leaf_2"));
    let month = months.min().unwrap();
    let declared = Declaration::ward();
    for log in &declared.append_only {
        let table = tables.iter().find(|(t, ..)| t == log.table).unwrap();
        saboteur.try_all(OF_EACH_LOG, false, of_table(table)).await;
    }
    for definer in &declared.definers {
        saboteur.try_all(OF_EACH_DEFINER, false, |text| text.replace("{f}", definer.function)).await;
    }
    let of_the_rest = |text: &str| text.replace("{db}", db.name()).replace("{p}", month);
    saboteur.try_all(OF_THE_REST, false, of_the_rest).await;

    let (tried, survivors) = (saboteur.tried, saboteur.survivors.len());
    println!("sabotages found: {} of {tried}, of {} tables and the rest", tried - survivors, tables.len());
    assert!(saboteur.survivors.is_empty(), "{:#?}", saboteur.survivors);
    assert!(OF_EACH_TABLE.len() >= 14);
    assert_eq!(of_each_table + impossible, OF_EACH_TABLE.len() * tables.len());
    let plain = tables.iter().filter(|table| table.4).count();
    assert!(
        of_each_table >= OF_EACH_TABLE.len() * plain && plain == 21,
        "only partitions may be out of reach"
    );
    assert_eq!(saboteur.rules.len(), RULES.len() - 1, "every rule but the version's: {:?}", saboteur.rules);
}
