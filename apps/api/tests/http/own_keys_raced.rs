//! A tenant's key goes from hand to hand while the tenant works.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::own_keys::{address, bringing, giving_back};
use crate::support::{Client, Deployment, Outcome, subject};

const SWITCHES: usize = 50;

/// Writes, and reads what it wrote, until it is over; says what was stored.
async fn work(client: Client, over: Arc<AtomicBool>) -> Outcome<Vec<String>> {
    let mut stored = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let person = subject();
        let made = client.post("/v1/subjects", person.clone()).await?.expect(201)?;
        let id = made["id"].as_str().ok_or("no id")?.to_owned();
        let shown = client.get(&format!("/v1/subjects/{id}")).await?.expect(200)?;
        assert_eq!(shown["fields"], person["fields"]);
        stored.push(id);
    }
    Ok(stored)
}

/// Brings keys and gives them back; says how often that was taken.
async fn switch(client: Client) -> Outcome<usize> {
    let mut taken = 0;
    for n in 0..SWITCHES / 2 {
        let ask = if n % 5 == 4 { giving_back() } else { bringing(&address()) };
        let answer = client.send(&ask).await?;
        match (answer.status, &*answer.problem()) {
            (200 | 204, _) => taken += 1,
            (409, "keys-changed") => {}
            _ => return Err(format!("{answer:?}: {}", answer.text()).into()),
        }
    }
    Ok(taken)
}

#[tokio::test]
async fn nobody_notices_that_a_key_goes_from_hand_to_hand_and_nothing_is_lost() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    let replica = deployment.replica().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let clients = [tenant.client.clone(), replica.anonymous().with_key(tenant.client.key())];
    let over = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for client in clients.iter().chain(&clients) {
        workers.spawn(work(client.clone(), over.clone()));
    }
    let (here, there) = tokio::join!(switch(clients[0].clone()), switch(clients[1].clone()));
    over.store(true, Ordering::Relaxed);
    let mut stored = BTreeSet::new();
    while let Some(worked) = workers.join_next().await {
        stored.extend(worked??);
    }
    let taken = here? + there?;
    assert!(taken > SWITCHES / 2, "only {taken} were taken");
    println!("{taken} switches under {} writes", stored.len());
    for id in &stored {
        clients[1].get(&format!("/v1/subjects/{id}")).await?.expect(200)?;
    }
    let log = "SELECT FROM ward.audit_leaf WHERE body::json ->> 'action' = 'key.transferred'";
    let said = deployment.database.run("postgres", log).await?;
    assert!(
        said > 10 && said <= taken as u64,
        "{said} of {taken}: giving back what is not there is no event"
    );
    replica.stop().await?;
    deployment.stop().await?;
    Ok(())
}
