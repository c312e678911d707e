//! `/claims`

mod view;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;
use ward::Store as _;
use ward::assurance::{
    CHECK_CLAIM, CLAIM_CHECKED, CLAIM_EVIDENCE, Claim, LIST_CLAIMS, Outcome, Run, TRUST_DOCUMENT,
};
use ward::audit::Event;
use ward::kernel::{Entity, Operation, TenantId, authority};

use crate::app::App;
use crate::auth::Caller;
use crate::http::given::{Cursor, Given, Instant, Limit};
use crate::http::page::Page;
use crate::http::problem::Refused;
use crate::http::reply::{Listed, Shown};
use crate::http::time::Time;
use crate::tag::Tag;
use view::seen;
pub(crate) use view::{ClaimKind, ClaimStatus, ClaimView};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Assurance")]
impl Api {
    /// List what is promised, and how each promise stands
    ///
    /// A status is computed from the last run of a check, never set.
    #[oai(path = "/claims", method = "get", operation_id = "listClaims")]
    async fn list(&self, caller: Caller) -> Result<Shown<ClaimList>, Refused> {
        let _permitted = self.0.permit(&caller, &LIST_CLAIMS).await?;
        Ok(Shown(ClaimList { items: self.0.claims().await?, next_cursor: None }))
    }

    /// Run a claim's check now
    ///
    /// Requests that wait for the same check may share a run, begun after each of them came.
    #[oai(path = "/claims/:id/check", method = "post", operation_id = "checkClaim")]
    async fn check(&self, caller: Caller, id: Path<String>) -> Result<Shown<ClaimView>, Refused> {
        let (asked, request) = (self.0.clock().now(), digest(&id.0));
        let known = self.0.profile.claims.iter().find(|claim| claim.id == id.0);
        let (mut turn, mut run) = (None, None);
        if let Some(probe) = known.and_then(Claim::probe) {
            turn = Some(self.0.turn.lock().await);
            // What was answered before ends here. No connection is held meanwhile: the check needs them to spare.
            drop(self.0.begin(&caller, &CHECK_CLAIM, &request).await?);
            run = Some(self.0.fresh_run(probe, asked).await?);
        }

        let act = self.0.begin(&caller, &CHECK_CLAIM, &request).await?;
        let Some(claim) = known else {
            return Err(self.0.absent(act.absent(caller.0.who.tenant())).await);
        };
        let run = run.ok_or_else(|| Refused::conflict("unprobed", "no check stands behind this claim"))?;

        let now = self.0.clock().now();
        let view = ClaimView::of(claim, Some(&run), now);
        let entity = Entity::new("probe_run", run.id);
        let event = Event::of(&CHECK_CLAIM, CLAIM_CHECKED, entity)
            .noting("claim", &claim.id)
            .noting("status", claim.status(Some(&run), now).as_str());
        let shown = act.commit(event, Shown(view)).await;
        drop(turn); // whoever sent the same request finds its answer
        shown
    }

    /// List what a claim's check saw, run by run
    ///
    /// Newest first.
    #[oai(path = "/claims/:id/evidence", method = "get", operation_id = "claimEvidence")]
    #[expect(clippy::too_many_arguments, reason = "one for each filter")]
    async fn evidence(
        &self,
        caller: Caller,
        request: &Request,
        id: Path<String>,
        /// Not before this time.
        from: Query<Option<Given<Instant>>>,
        /// Before this time.
        to: Query<Option<Given<Instant>>>,
        /// How many, 1 to 200.
        limit: Query<Option<Given<Limit>>>,
        /// The `next_cursor` of an earlier page.
        cursor: Query<Option<Given<Cursor>>>,
    ) -> Result<Listed<RunList>, Refused> {
        let page = Page::new(limit.0, cursor.0);
        let reading = self.0.read(&caller, &CLAIM_EVIDENCE).await?;
        let Some(claim) = self.0.profile.claims.iter().find(|claim| claim.id == id.0) else {
            return Err(self.0.absent(reading.absent(caller.0.who.tenant())).await);
        };
        let between = (from.0.map(|at| at.0), to.0.map(|at| at.0));
        let mut runs = match claim.probe() {
            Some(probe) => self.0.runs(probe, between, &page).await?,
            None => Vec::new(),
        };
        let next_cursor = page.cut(&mut runs, |run| run.id);
        let next = next_cursor.as_deref().map(|cursor| page.next(request, cursor));
        let items = runs.into_iter().map(RunView::from).collect();
        Ok(Listed { page: RunList { items, next_cursor }, next })
    }
}

fn digest(claim: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(claim).into()
}

impl App {
    /// Every claim as it stands.
    pub(crate) async fn claims(&self) -> Result<Vec<ClaimView>, Refused> {
        let probes: Vec<_> = self.profile.claims.iter().filter_map(Claim::probe).collect();
        let mut runs = self.deployment(&TRUST_DOCUMENT).await?.last_runs(&probes).await?;
        self.unrecorded.over(&mut runs);
        let last: HashMap<_, _> = runs.iter().map(|run| (run.probe.as_str(), run)).collect();
        let now = self.clock().now();
        let view = |claim: &Claim| {
            let run = claim.probe().and_then(|probe| last.get(probe).copied());
            ClaimView::of(claim, run, now)
        };
        Ok(self.profile.claims.iter().map(view).collect())
    }

    /// A run of the check that began after `asked`. Whoever waited for a turn may find that another's is one: so no flood
    /// of requests holds up the other checks.
    async fn fresh_run(&self, probe: &str, asked: DateTime<Utc>) -> Result<Run, Refused> {
        let last = self.deployment(&TRUST_DOCUMENT).await?.last_runs(&[probe]).await?.pop();
        match last.filter(|run| run.at > asked) {
            Some(run) => Ok(run),
            None => self.run_probe(probe).await,
        }
    }

    async fn runs(
        &self,
        probe: &str,
        between: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        page: &Page,
    ) -> Result<Vec<Run>, Refused> {
        let mut reading = self.deployment(&TRUST_DOCUMENT).await?;
        Ok(reading.runs(probe, between, page.after, page.fetch()).await?)
    }

    /// What is public of the deployment itself.
    async fn deployment(&self, operation: &'static Operation) -> Result<Box<dyn ward::Reading>, Refused> {
        #[expect(clippy::disallowed_methods, reason = "what anybody may see needs no credential")]
        let anybody = Arc::new(authority::anonymous(TenantId::DEPLOYMENT));
        Ok(self.store.read(self.policy.permit(&anybody, operation)?).await?)
    }
}

/// What is promised.
#[derive(Object)]
struct ClaimList {
    /// In the order of the page.
    items: Vec<ClaimView>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// A page of runs.
#[derive(Object)]
struct RunList {
    /// Newest first.
    items: Vec<RunView>,
    /// Leads to the next page.
    next_cursor: Option<String>,
}

/// One run of a check.
#[derive(Object)]
struct RunView {
    /// Names it.
    id: Uuid,
    /// Which check.
    probe: String,
    /// When it began.
    at: Time,
    /// `pass`, `degraded` or `fail`.
    outcome: String,
    /// What it saw.
    observed: String,
    /// Over how many things.
    population: u64,
    /// Which release ran it.
    version: String,
    /// How long it took.
    duration_microseconds: u64,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let outcome = match run.outcome {
            Outcome::Pass => "pass",
            Outcome::Degraded(_) => "degraded",
            Outcome::Fail => "fail",
        };
        Self {
            id: run.id,
            observed: seen(&run),
            probe: run.probe,
            at: run.at.into(),
            outcome: outcome.into(),
            population: run.population,
            version: run.version,
            duration_microseconds: run.duration,
        }
    }
}
