//! Every operation, every id, every kind of credential, read from the served document: what is another tenant's looks
//! exactly like what doesn't exist, and stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ward::kernel::Uuid;

use crate::stranger::{Stranger, strangers};
use crate::support::{
    Ask, Case, Deployment, Operation, Outcome, Tenant, case, changed, digest, nobody, operations,
};

/// An operation, a valid request of the victim's, one of the other tenant's, and ids of the victim's rows of each kind.
struct Target {
    operation: Operation,
    theirs: Case,
    own: Case,
}

async fn targets(victim: &Tenant, other: &Tenant) -> Outcome<(Vec<Target>, Vec<Uuid>)> {
    let mut targets = Vec::new();
    for operation in operations(&victim.client).await? {
        let (theirs, own) =
            (case(&operation.id, &victim.client).await?, case(&operation.id, &other.client).await?);
        targets.push(Target { operation, theirs, own });
    }
    let kinds = ["showSubject", "showRecord", "revokeApiKey", "showAuditEvent"];
    let shown = targets.iter().filter(|target| kinds.contains(&target.operation.id.as_str()));
    let mut ids = vec![victim.id.parse()?];
    for target in shown {
        ids.push(target.theirs.ids[0].1.parse()?);
    }
    Ok((targets, ids))
}

#[tokio::test]
async fn what_is_another_tenants_looks_like_what_does_not_exist_and_stays_as_it_is() -> Outcome {
    sweep(Deployment::shared().await?).await
}

#[tokio::test]
async fn so_it_does_where_row_level_security_is_gone() -> Outcome {
    const GONE: &str = "DO $$ DECLARE t regclass; BEGIN
        FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'ward'::regnamespace AND relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', t);
        END LOOP; END $$";
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?; // the next checks are minutes away
    deployment.database.run("postgres", GONE).await?;
    sweep(&deployment).await
}

async fn sweep(deployment: &Deployment) -> Outcome {
    let (victim, other) = (deployment.tenant("Victim").await?, deployment.tenant("Other").await?);
    let strangers = strangers(deployment, &victim, &other).await?;
    let (targets, ids) = targets(&victim, &other).await?;
    // Refusals of the victim's own keys belong into its log: those keys are tried before its rows are looked at.
    let (insiders, outsiders): (Vec<_>, Vec<_>) = strangers.iter().partition(|stranger| stranger.inside);
    let mut compared = attack(&insiders, &targets, &ids).await?;
    let before = digest(deployment, &victim.id).await?;
    mind_own_rows(&other, &targets, &ids).await?;
    compared += attack(&outsiders, &targets, &ids).await?;

    assert!(compared > 390, "only {compared} pairs were compared");
    let after = digest(deployment, &victim.id).await?;
    assert_eq!(changed(&before, &after), [""; 0], "the victim's rows changed");
    // The requests were sound: with the victim's own key each succeeds.
    for Target { operation, theirs, .. } in &targets {
        let answer = victim.client.send(&operation.ask(theirs)).await?;
        assert!((200..300).contains(&answer.status), "{}: {} {}", operation.id, answer.status, answer.text());
    }
    Ok(())
}

/// Does everything that the other tenant may, with its own rows: that tells, and is to change, nothing of the victim's.
async fn mind_own_rows(other: &Tenant, targets: &[Target], victims: &[Uuid]) -> Outcome {
    for Target { operation, own, .. } in targets {
        let answer = other.client.send(&operation.ask(own)).await?;
        assert!((200..300).contains(&answer.status), "{}: {}", operation.id, answer.text());
        let told = victims.iter().find(|id| answer.text().contains(&id.to_string()));
        assert_eq!(told, None, "{} tells of another tenant's", operation.id);
    }
    Ok(())
}

/// Tries everything; says how many pairs of answers were compared. Queries come first: who asks for a foreign id finds
/// the refusal of that in their own log afterwards.
async fn attack(strangers: &[&Stranger], targets: &[Target], ids: &[Uuid]) -> Outcome<usize> {
    let mut compared = 0;
    for (stranger, target) in
        strangers.iter().flat_map(|stranger| targets.iter().map(move |to| (stranger, to)))
    {
        compared += query_ids(stranger, target, ids).await?;
    }
    for (stranger, target) in
        strangers.iter().flat_map(|stranger| targets.iter().map(move |to| (stranger, to)))
    {
        compared += path_ids(stranger, target).await?;
    }
    Ok(compared)
}

/// Tries each id of the path, the victim's and an unknown one.
async fn path_ids(stranger: &Stranger, Target { operation, theirs, own }: &Target) -> Outcome<usize> {
    let mut compared = 0;
    for name in operation.path_ids() {
        let foreign = &theirs.ids.iter().find(|(known, _)| *known == name).ok_or("no such id")?.1;
        // What is nobody's row is not foreign to anybody.
        let pair = match theirs.owned {
            true => [foreign.clone(), nobody().to_string()],
            false => ["no-such-thing".to_owned(), "no-such-other".to_owned()],
        };
        let [foreign, unknown] = pair.map(|id| operation.ask(&own.with(name, &id)));
        let refused = match operation.permission {
            None if stranger.refused == 403 => 404,
            _ => stranger.refused,
        };
        compare(stranger, operation, foreign, unknown, refused).await?;
        compared += 1;
    }
    Ok(compared)
}

/// Tries each id of the query with ids of the victim's of every kind. A cursor is a place in an order, so that a foreign
/// one is compared with an unknown one right beside it.
async fn query_ids(
    stranger: &Stranger,
    Target { operation, own, .. }: &Target,
    ids: &[Uuid],
) -> Outcome<usize> {
    let mut compared = 0;
    for name in operation.query_ids() {
        for id in ids {
            let written =
                |id: Uuid| if name == "cursor" { URL_SAFE_NO_PAD.encode(id) } else { id.to_string() };
            let ask = |id: Uuid| {
                let mut ask = operation.ask(own);
                let joint = if ask.path.contains('?') { '&' } else { '?' };
                ask.path = format!("{}{joint}{name}={}", ask.path, written(id));
                ask
            };
            // The other tenant's own path is foreign to whoever isn't of that tenant.
            let mine = operation.path_ids().next().is_none() || !own.owned || stranger.elsewhere;
            let expected = if stranger.refused == 404 && mine { 200 } else { stranger.refused };
            compare(stranger, operation, ask(*id), ask(Uuid::from_u128(id.as_u128() ^ 1)), expected).await?;
            compared += 1;
        }
    }
    Ok(compared)
}

async fn compare(
    stranger: &Stranger,
    operation: &Operation,
    foreign: Ask,
    unknown: Ask,
    expected: u16,
) -> Outcome {
    let told = format!("{} with {}", operation.id, stranger.called);
    let unknown = stranger.dress(unknown).under_id(&foreign.id);
    let (foreign, unknown) =
        (stranger.client.send(&stranger.dress(foreign)).await?, stranger.client.send(&unknown).await?);
    assert_eq!(foreign.status, expected, "{told}: {}", foreign.text());
    assert_eq!(foreign.status, unknown.status, "{told}");
    assert_eq!(foreign.headers, unknown.headers, "{told}");
    assert_eq!(foreign.text(), unknown.text(), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_credential_is_judged_before_anything_else_and_a_permission_right_after() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (victim, other) = (deployment.tenant("Victim").await?, deployment.tenant("Other").await?);
    let strangers = strangers(deployment, &victim, &other).await?;
    let mut judged = 0;
    for operation in operations(&victim.client).await?.iter().filter(|operation| operation.is_guarded()) {
        for stranger in strangers.iter().filter(|stranger| stranger.refused != 404) {
            if stranger.refused == 403 && operation.permission.is_none() {
                continue;
            }
            let answer = stranger.client.send(&stranger.dress(operation.nonsense())).await?;
            let told = format!("{} with {}: {}", operation.id, stranger.called, answer.text());
            assert_eq!(answer.status, stranger.refused, "{told}");
            judged += 1;
        }
    }
    assert!(judged > 100, "only {judged} requests were judged");
    Ok(())
}

#[tokio::test]
async fn an_operation_without_a_fixture_is_not_forgotten() -> Outcome {
    let client = Deployment::shared().await?.anonymous();
    let missing = case("operationOfTomorrow", &client).await.err().ok_or("it was made up")?;
    assert!(missing.to_string().contains("has no fixture"));
    Ok(())
}
