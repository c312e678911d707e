//! A decision: Ward's policy, Cedar's and casbin's on one role model, which all have to decide alike.

mod casbin;
mod cedar;
mod model;
mod ward;

use crate::Outcome;
use crate::rounds::{Computation, Effort, compute};
use crate::table::{Table, figure};
use model::Model;

/// Decides about one question after the other.
trait Engine {
    fn decide(&self, model: &Model, question: usize) -> Outcome<bool>;
}

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let mut table = Table::new(
        "A decision on the roles of the profile `workforce`",
        ["10 users a tenant", "tenants", "ns", "× Ward"],
    );
    for tenants in [10, 1_000] {
        let model = Model::of(tenants)?;
        let engines: [(&'static str, u32, Box<dyn Engine>); 4] = [
            ("Ward, found by tenant and user", 20_000, Box::new(ward::Directory::of(&model)?)),
            ("Ward, on a principal at hand", 20_000, Box::new(ward::AtHand::of(&model)?)),
            ("cedar-policy, action groups", 200, Box::new(cedar::Cedar::of(&model)?)),
            ("casbin, roles by domain", 20, Box::new(casbin::Casbin::of(&model).await?)),
        ];
        agree(&model, &engines)?;
        let mut contenders: Vec<Computation<'_>> = Vec::new();
        for (name, times, engine) in &engines {
            let (model, mut next) = (&model, 0);
            let decide = move || {
                next = (next + 1) % model.questions.len();
                std::hint::black_box(engine.decide(model, next).is_ok_and(|yes| yes));
            };
            contenders.push((*name, *times, Box::new(decide)));
        }
        for score in compute(effort, &mut contenders) {
            table.row([
                score.name.to_owned(),
                tenants.to_string(),
                figure(score.cost.median()),
                score.cost.ratio(),
            ]);
        }
    }
    Ok(vec![table])
}

/// Every engine answers every question as the model says it must.
fn agree(model: &Model, engines: &[(&'static str, u32, Box<dyn Engine>)]) -> Outcome {
    for (name, _, engine) in engines {
        for (n, question) in model.questions.iter().enumerate() {
            if engine.decide(model, n)? != question.answer {
                return Err(format!("{name} decides otherwise: {question:?}").into());
            }
        }
    }
    Ok(())
}
