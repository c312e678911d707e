use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::options::Options;
use super::server::Server;
use crate::process::Outcome;

/// Who is created: a name and the owner's address.
const TENANTS: [(&str, &str); 2] =
    [("Lakeside Clinic", "owner@lakeside.example"), ("Harbour Care", "owner@harbour.example")];

/// A demo tenant, with the credential it was given.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) owner_email: String,
    pub(super) api_key: String,
}

/// What the demo consists of so far, in a file that only its owner reads, so that a second run shows the same
/// credentials.
pub(super) struct Demo {
    file: PathBuf,
    tenants: Vec<Tenant>,
    imported: Vec<String>,
}

impl Demo {
    /// The demo tenants of this data directory, created where they are missing.
    pub(super) fn of(options: &Options, server: &Server) -> Outcome<Self> {
        // Each profile has API keys of its own.
        let profile = Path::new(&options.profile).file_stem().unwrap_or_default().to_string_lossy();
        let file = options.data_dir.join(format!("demo.{profile}.json"));
        let held: Value =
            fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let mut demo = Self { file, tenants: Vec::new(), imported: Vec::new() };
        let tenants: Vec<_> = list(&held, "tenants").filter_map(Tenant::read).collect();
        // A data directory that was begun anew knows none of the old keys.
        let known: Vec<_> =
            tenants.iter().map(|tenant| server.knows(&tenant.api_key)).collect::<Result<_, _>>()?;
        if known.into_iter().all(|known| known) {
            demo.imported = list(&held, "imported").filter_map(Value::as_str).map(str::to_owned).collect();
            demo.tenants = tenants;
        }
        for (name, owner) in TENANTS.iter().skip(demo.tenants.len()) {
            let line = server.ask(&["create-tenant", "--name", name, "--owner-email", owner])?;
            let made = serde_json::from_str(line.trim())?;
            demo.tenants
                .push(Tenant::read(&made).ok_or(format!("`create-tenant` printed `{}`", line.trim()))?);
            demo.save()?;
        }
        Ok(demo)
    }

    pub(super) fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    /// Whether this file was imported whole.
    pub(super) fn has(&self, people: &str) -> bool {
        self.imported.iter().any(|imported| imported == people)
    }

    /// Notes that this file was imported whole.
    pub(super) fn keep(&mut self, people: &str) -> Outcome {
        self.imported.push(people.to_owned());
        self.save()
    }

    fn save(&self) -> Outcome {
        let tenants: Vec<_> = self.tenants.iter().map(Tenant::write).collect();
        let text = serde_json::to_vec_pretty(&json!({"tenants": tenants, "imported": self.imported}))?;
        let new = self.file.with_extension("new");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        Ok(fs::rename(&new, &self.file)?)
    }
}

impl Tenant {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        Some(Self { name: text("name")?, owner_email: text("owner_email")?, api_key: text("api_key")? })
    }

    fn write(&self) -> Value {
        json!({"name": self.name, "owner_email": self.owner_email, "api_key": self.api_key})
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

impl Server {
    /// Whether the key still opens anything.
    fn knows(&self, api_key: &str) -> Outcome<bool> {
        let answer = self.agent.get(format!("{}/v1/me", self.url)).header("X-API-Key", api_key).call()?;
        match answer.status().as_u16() {
            200 => Ok(true),
            401 => Ok(false),
            other => Err(format!("`/v1/me` answered with {other}").into()),
        }
    }
}
