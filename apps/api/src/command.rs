//! The commands of `ward-api`.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;
use ward::Rotation;
use ward::kernel::TenantId;
use ward::subject::Fields;
use ward_postgres::migrate;

use crate::app::App;
use crate::around::Around;
use crate::config::Config;
use crate::custodian::root::Followed;
use crate::key_services::KeyServices;
use crate::operator::Rests;
use crate::probe::canary;
use crate::profile::Profile;
use crate::{artifact, custodian, heads, lag, logs, serve};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "\
ward-api serve                        serve until SIGINT or SIGTERM
ward-api migrate                      bring the schema up to date
ward-api doctor                       prove tenant isolation, attack it, and print both, and how far others are behind the logs
ward-api check-config                 say what is wrong with the settings
ward-api jobs                         list the jobs that were given up
ward-api log-keys                     print the verifier keys of all audit logs, for a witness to know
ward-api rotate-log-key --tenant ID [--overlap-days N]
                                      give a tenant's audit log its next key; the last one signs beside it for N days (30)
ward-api rotate-keys [--tenant ID]    have other keys follow the deployment's own, or a tenant's, while it serves
ward-api rotate-keys --list [--tenant ID]
                                      list the rotations that are under way, and why those rest that do
ward-api follow-root-key              have the root wrap every tenant's key that the one beside it wrapped before
ward-api create-tenant --name NAME [--owner-email ADDRESS]
                                      found a tenant; prints its first key, once
ward-api openapi                      print the OpenAPI document
ward-api permissions PROFILE          print which role may do what

Settings come from the environment and from the file that WARD_CONFIG names; see docs/configuration.md.";

/// Runs one command, and says how it ended: 0 done, 1 failed, 2 not understood.
pub async fn run(arguments: Vec<String>) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["openapi"] => artifact::openapi().map(|text| println!("{text}")),
        ["permissions", profile] => artifact::permissions(profile).map(|text| print!("{text}")),
        [.., "--help" | "-h"] | ["help"] => {
            println!("{HELP}");
            Ok(())
        }
        ["serve" | "migrate" | "doctor" | "check-config" | "jobs" | "log-keys" | "follow-root-key"]
        | ["create-tenant" | "rotate-log-key" | "rotate-keys", ..] => configured(&words).await,
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", logs::causes(&*failure));
            if failure.is::<NotUnderstood>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

async fn configured(words: &[&str]) -> Result<(), Failure> {
    let config = Config::load()?;
    logs::start(&config.log)?;
    match words {
        ["serve"] => serve::serve(config, serve::signalled()?).await,
        ["migrate"] => {
            let database = serve::database(&config).await?;
            let owner =
                database.owner_url.as_deref().ok_or("`WARD_OWNER_DATABASE_URL` is needed to migrate")?;
            Ok(migrate(owner, config.log_keep_years).await?)
        }
        ["doctor"] => doctor(&config).await,
        ["jobs"] => jobs(&config).await,
        ["log-keys"] => {
            print!("{}", heads::keys(&*over_running(&config).await?).await?);
            Ok(())
        }
        ["follow-root-key"] => follow_root_key(&config).await,
        ["rotate-keys", options @ ..] => rotate_keys(&config, options).await,
        ["rotate-log-key", options @ ..] => rotate_log_key(&config, options).await,
        ["create-tenant", options @ ..] => create_tenant(&config, options).await,
        _ => {
            Profile::load(&config.profile)?;
            KeyServices::check(&config, &Around::default().machine)?;
            for warning in config.warnings() {
                eprintln!("warning: {warning}");
            }
            println!("the settings are sound");
            Ok(())
        }
    }
}

async fn doctor(config: &Config) -> Result<(), Failure> {
    let app = over_running(config).await?;
    let (proof, report) = app.store.isolation(canary::A, canary::B).await?;
    println!("{proof}\n\nattacks of one canary tenant on the other:\n{report}");
    match lag::all(&app).await {
        Ok(lags) => lags.iter().for_each(|lag| println!("logs {lag}")),
        Err(failure) => {
            println!("how far others are behind the logs can't be told: {}", logs::causes(&*failure))
        }
    }
    let holds = proof.findings.is_empty() && report.breaches.is_empty();
    if holds { Ok(()) } else { Err("tenant isolation is refuted".into()) }
}

/// One JSON object a line. A tenant that can't be looked into hides no other.
async fn jobs(config: &Config) -> Result<(), Failure> {
    let mut hidden = 0;
    for (tenant, given_up) in over_running(config).await?.given_up().await? {
        let tenant = tenant.to_string();
        match given_up {
            Ok(jobs) => jobs.iter().for_each(|job| {
                let (id, since) = (job.id.to_string(), job.since);
                println!("{}", json!({ "tenant": tenant, "id": id, "kind": job.kind, "attempts": job.attempts, "given_up_at": since }));
            }),
            Err(error) => {
                eprintln!("{tenant}: {error}");
                hidden += 1;
            }
        }
    }
    if hidden == 0 { Ok(()) } else { Err(format!("{hidden} tenants could not be looked into").into()) }
}

async fn rotate_keys(config: &Config, options: &[&str]) -> Result<(), Failure> {
    let (mut list, mut tenant, mut rest) = (false, TenantId::DEPLOYMENT, options);
    while !rest.is_empty() {
        rest = match rest {
            ["--list", rest @ ..] => {
                list = true;
                rest
            }
            ["--tenant", value, rest @ ..] => {
                tenant = value.parse::<Uuid>().map_err(|_| "`--tenant` must be an id")?.into();
                rest
            }
            other => return Err(not_understood(other)),
        };
    }
    let app = over_running(config).await?;
    app.founded(tenant).await?;
    if list {
        app.rotations(tenant)
            .await?
            .into_iter()
            .for_each(|(rotation, rests)| under_way(tenant, &rotation, rests));
    } else {
        let kinds = app.rotate_keys(tenant).await?;
        println!("{}", json!({ "tenant": Uuid::from(tenant), "kinds_under_way": kinds }));
    }
    Ok(())
}

/// One JSON object.
fn under_way(tenant: TenantId, rotation: &Rotation, rests: Option<Rests>) {
    let (why, failed_at) = match rests {
        None => (None, None),
        Some(Rests::Paused) => (Some("paused".to_owned()), None),
        Some(Rests::Settles) => (Some("settles".to_owned()), None),
        Some(Rests::Failed(failure)) => (Some(failure.why), Some(failure.at)),
    };
    println!(
        "{}",
        json!({
            "tenant": Uuid::from(tenant), "id": Uuid::from(rotation.id), "key": rotation.purpose.as_str(), "begun_at": rotation.begun_at,
            "done": rotation.done, "total": rotation.total, "rests": why, "failed_at": failed_at,
        })
    );
}

async fn follow_root_key(config: &Config) -> Result<(), Failure> {
    let app = over_running(config).await?;
    let Followed { anew, already, failed } = custodian::root::follow(&app).await?;
    println!("{}", json!({ "wrapped_anew": anew, "already": already, "failed": failed }));
    if failed == 0 {
        Ok(())
    } else {
        Err(format!("of {failed} tenants it isn't known: keep both roots").into())
    }
}

async fn rotate_log_key(config: &Config, options: &[&str]) -> Result<(), Failure> {
    let (mut tenant, mut days) = (None, 30_u32);
    for pair in options.chunks(2) {
        match pair {
            ["--tenant", value] => {
                tenant = Some(value.parse::<Uuid>().map_err(|_| "`--tenant` must be an id")?)
            }
            ["--overlap-days", value] => {
                days = value.parse().map_err(|_| "`--overlap-days` must be a number")?
            }
            other => return Err(not_understood(other)),
        }
    }
    let tenant = tenant.ok_or("`--tenant` is needed")?;
    if !(1..=365).contains(&days) {
        return Err("`--overlap-days` must be 1 to 365".into()); // replicas take a minute to learn of a key
    }
    let key = over_running(config).await?.rotate_log_key(tenant.into(), TimeDelta::days(days.into())).await?;
    println!("{key}");
    Ok(())
}

/// What was asked for is nothing that there is.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not understood: see `ward-api --help`")]
struct NotUnderstood(String);

fn not_understood(words: &[&str]) -> Failure {
    NotUnderstood(words.join(" ")).into()
}

async fn create_tenant(config: &Config, options: &[&str]) -> Result<(), Failure> {
    let (mut name, mut owner) = (None, None);
    for pair in options.chunks(2) {
        match pair {
            ["--name", value] => name = Some(*value),
            ["--owner-email", value] => owner = Some(*value),
            other => return Err(not_understood(other)),
        }
    }
    let name = name.ok_or("`--name` is needed")?;
    let app = over_running(config).await?;
    if let Some(owner) = owner.map(serde_json::Value::from) {
        let known = Fields::parse(app.catalogue.subject(), [("email", &owner)]);
        known.map_err(|_| "`--owner-email` is not a mail address")?;
    }
    let founded = app.found_tenant(name, owner).await?;
    let told = json!({
        "tenant": founded.tenant.to_string(), "name": name.trim(), "api_key": founded.api_key.expose(), "owner_email": owner,
    });
    println!("{told}");
    Ok(())
}

async fn over_running(config: &Config) -> Result<Arc<App>, Failure> {
    serve::app(config, &serve::running_database(config)?).await
}
