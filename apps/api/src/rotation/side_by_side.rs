//! Work for several tenants side by side: whoever waits for one tenant's key service keeps no other tenant waiting.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::timeout;
use ward::Lease;

/// So many tenants' work is done at once.
const AT_ONCE: usize = 4;
/// How often it is looked for more, while some is under way.
const PAUSE: Duration = Duration::from_secs(1);

/// Does all that is leased until nothing is due: for one tenant one piece of work after the other, in the order in which they were leased.
///
/// Dropped, it drops what is under way.
pub(super) async fn side_by_side<E, L, W>(lease: impl Fn() -> L, work: impl Fn(Lease) -> W) -> Result<(), E>
where
    L: Future<Output = Result<Option<Lease>, E>>,
    W: Future<Output = ()>,
{
    // Those at work, each with what waits for its turn.
    let mut tenants = HashMap::<_, VecDeque<Lease>>::new();
    let mut at_work = FuturesUnordered::new();
    let turn = |lease: Lease| {
        let tenant = lease.tenant;
        work(lease).map(move |()| tenant)
    };
    loop {
        while tenants.len() < AT_ONCE {
            let Some(lease) = lease().await? else { break };
            match tenants.entry(lease.tenant) {
                Entry::Occupied(mut theirs) => theirs.get_mut().push_back(lease),
                Entry::Vacant(free) => {
                    free.insert(VecDeque::new());
                    at_work.push(turn(lease));
                }
            }
        }
        match timeout(PAUSE, at_work.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(tenant)) => match tenants.get_mut(&tenant).and_then(VecDeque::pop_front) {
                Some(next) => at_work.push(turn(next)),
                None => drop(tenants.remove(&tenant)),
            },
            Err(_) => {} // more may be due by now
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use ward::kernel::{TenantId, Uuid};

    use super::*;

    fn lease(tenant: u128, attempt: i32) -> Lease {
        let tenant = TenantId::from(Uuid::from_u128(tenant));
        Lease { tenant, id: Uuid::nil().into(), kind: String::new(), attempt }
    }

    fn of(lease: &Lease) -> (u128, i32) {
        (Uuid::from(lease.tenant).as_u128(), lease.attempt)
    }

    /// What was begun and what was ended, in their order, of `due`; what `hangs` never ends.
    fn done(due: &[(u128, i32)], hangs: &[u128]) -> [Vec<(u128, i32)>; 2] {
        let due = RefCell::new(due.iter().map(|(tenant, n)| lease(*tenant, *n)).collect::<VecDeque<_>>());
        let (begun, ended) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let work = async |lease: Lease| {
            begun.borrow_mut().push(of(&lease));
            tokio::task::yield_now().await;
            if hangs.contains(&of(&lease).0) {
                pending::<()>().await;
            }
            ended.borrow_mut().push(of(&lease));
        };
        let next = || ready(Ok::<_, Infallible>(due.borrow_mut().pop_front()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let all = async { timeout(PAUSE * 10, side_by_side(next, work)).await };
        let ended_by_itself = runtime.unwrap().block_on(all).is_ok();
        assert_eq!(ended_by_itself, hangs.is_empty());
        [begun.into_inner(), ended.into_inner()]
    }

    #[test]
    fn whoever_waits_keeps_no_other_tenant_waiting() {
        let due = [(1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (5, 1), (6, 1), (7, 1)];
        let [_, mut ended] = done(&due, &[1, 3]);
        ended.sort_unstable();
        assert_eq!(ended, [(2, 1), (2, 2), (4, 1), (5, 1), (6, 1), (7, 1)]);
    }

    #[test]
    fn a_tenant_s_work_is_done_one_after_the_other() {
        let [begun, ended] = done(&[(1, 1), (1, 2), (2, 1), (1, 3)], &[1]);
        assert_eq!((begun, ended), (vec![(1, 1), (2, 1)], vec![(2, 1)]));
        let [begun, ended] = done(&[(1, 1), (1, 2), (1, 3)], &[]);
        assert_eq!((&*begun, &*ended), (&[(1, 1), (1, 2), (1, 3)][..], &[(1, 1), (1, 2), (1, 3)][..]));
    }

    #[test]
    fn no_more_tenants_than_a_few_are_at_work_at_once() {
        let many: Vec<_> = (1..=9).map(|tenant| (tenant, 1)).collect();
        let [begun, _] = done(&many, &(1..=9).collect::<Vec<_>>());
        assert_eq!(begun, many[..AT_ONCE]);
    }
}
