//! `cargo xtask up`: Ward on a private PostgreSQL, with something to look at.

mod demo;
mod import;
mod options;
mod server;
mod witness;

use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use serde_json::json;

use crate::process::{Outcome, built, cargo, root, run_aside};
use crate::provide;
use demo::{Demo, Tenant};
use options::{HELP, Options};
use server::Server;
use witness::Witness;

const PEOPLE: &str = "demo/clinicians_us.csv";

/// Runs until Ctrl-C, SIGTERM, or the end of Ward.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let Some(options) = Options::parse(arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    options.may_listen()?;
    options.may_bring()?;
    provide::postgres()?;
    eprintln!("building Ward");
    run_aside(cargo().args([
        "build",
        "--locked",
        "--bin",
        "ward-api",
        "--bin",
        "ward-witness",
        "--bin",
        "ward",
    ]))?;
    DirBuilder::new().recursive(true).mode(0o711).create(&options.data_dir)?;

    let witness = Witness::start(&options.data_dir)?;
    let mut server = Server::start(&options, &witness)?;
    let Some(database) = server.until_ready()? else { return Ok(()) };
    let mut demo = Demo::of(&options, &server)?;
    witness.learn(&server)?;
    if let Some(first) = demo.tenants().first().cloned()
        && !options.empty
        && !demo.has(PEOPLE)
    {
        import::import(&server, &first.api_key, &root().join(PEOPLE), "clinician")?;
        demo.keep(PEOPLE)?;
    }
    if options.json {
        announce_json(&server.url, &database, demo.tenants())?;
    } else {
        announce(&server.url, &database, demo.tenants(), &witness.key, &built("ward")?);
    }
    server.until_told()
}

fn announce_json(url: &str, database: &str, tenants: &[Tenant]) -> Outcome {
    let credentials = |tenant: &Tenant| {
        json!({
            "name": tenant.name,
            "api_key": tenant.api_key,
            "owner_email": tenant.owner_email,
            "owner_password": null,
        })
    };
    let line = json!({
        "url": url,
        "trust_url": format!("{url}/trust"),
        "docs_url": format!("{url}/docs"),
        "database_url": database,
        "tenants": tenants.iter().map(credentials).collect::<Vec<_>>(),
    });
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

fn announce(url: &str, database: &str, tenants: &[Tenant], witness: &str, verifier: &Path) {
    println!(
        "\nWard is ready.\n\n  trust page  {url}/trust\n  reference   {url}/docs\n  database    {database}"
    );
    for tenant in tenants {
        println!("  API key     {}  ({})", tenant.api_key, tenant.name);
    }
    if let [first, .., last] = tenants {
        println!("\nTry:\n");
        println!("  curl -H 'X-API-Key: {}' {url}/v1/me", first.api_key);
        println!(
            "  curl -H 'X-API-Key: {}' '{url}/v1/subjects?email=theresa.wagner0@example.com'",
            first.api_key
        );
        println!(
            "  curl -H 'X-API-Key: {}' '{url}/v1/subjects?email=theresa.wagner0@example.com'",
            last.api_key
        );
        println!("\n(The third asks as {}, to whom those people don't exist.)", last.name);
        println!(
            "\nVerify the audit log of {}, cosigned by the witness that runs beside Ward:\n",
            first.name
        );
        println!("  curl -sH 'X-API-Key: {}' {url}/v1/audit/key > log.key", first.api_key);
        println!(
            "  WARD_API_KEY={} {} audit verify --url {url} --key log.key --witness {witness}",
            first.api_key,
            verifier.display()
        );
    }
    println!("\nCtrl-C stops everything.");
}
