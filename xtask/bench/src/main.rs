//! What Ward costs beside doing without it, measured in interleaved rounds: `cargo xtask bench`.

mod audit;
mod cold;
mod figures;
mod growth;
mod http;
mod import;
mod machine;
mod peers;
mod pgcrypto;
mod policy;
mod rekey;
mod rounds;
mod sealing;
mod soak;
mod table;
mod unit;
mod verify;
mod world;

use std::error::Error;
use std::process::ExitCode;

use rounds::Effort;
use table::Table;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const HELP: &str = "\
Usage: cargo xtask bench [--quick] [--fields N] [--write] [PART...]

  unit     a governed write and read over bare ones, at the port
  http     the same through HTTP
  import   an import over plain multi-row INSERT
  audit    appends to the log over plain INSERT, COPY and a locked chain; how soon they are signed for; proofs and
           pages as it grows to ten million entries
  verify   a proof over its hashing; a whole log over hashing and COPY TO
  policy   a decision over those of cedar-policy and casbin
  sealing  sealing and opening over the raw ciphers, ring, a data key a message and pgcrypto
  keys     a tenant's keys from the cache, and loaded through each key service
  rekey    fields sealed anew under other keys over the same UPDATE without a cipher

  soak N   instead: N operations of many tenants at once, dropped at random

  --quick     few short rounds: shows that it runs, and no figure worth keeping
  --fields N  so many are sealed anew, and not 1,000,000, or 100,000 in a quick run
  --write     writes the figures of all parts into docs/benchmarks.md";

const PARTS: [&str; 9] = ["unit", "http", "import", "audit", "verify", "policy", "sealing", "keys", "rekey"];

/// What was asked for.
struct Options {
    parts: Vec<&'static str>,
    effort: Effort,
    fields: Option<usize>,
    write: bool,
}

impl Options {
    /// `None` where help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Option<Self>> {
        let mut options = Self { parts: Vec::new(), effort: Effort::FULL, fields: None, write: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-h" | "--help" => return Ok(None),
                "--quick" => options.effort = Effort::QUICK,
                "--fields" => options.fields = Some(arguments.next().ok_or(HELP)?.parse()?),
                "--write" => options.write = true,
                name => match PARTS.iter().find(|part| **part == name) {
                    Some(part) => options.parts.push(part),
                    None => return Err(format!("`{name}` is neither an option nor a part\n\n{HELP}").into()),
                },
            }
        }
        let partial = !options.parts.is_empty() || options.fields.is_some();
        if options.write && (partial || options.effort == Effort::QUICK) {
            return Err(
                "`--write` keeps the figures of one whole run: no part, not `--quick`, all fields".into()
            );
        }
        if options.parts.is_empty() {
            options.parts = PARTS.to_vec();
        }
        Ok(Some(options))
    }

    fn fields(&self) -> usize {
        self.fields.unwrap_or(if self.effort == Effort::QUICK { 100_000 } else { 1_000_000 })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = tokio::select! {
        done = run() => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, operations] = arguments.as_slice()
        && command == "soak"
    {
        soak::run(operations.parse()?).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(options) = Options::parse(arguments.into_iter())? else {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    if options.parts.contains(&"keys")
        && let Some(code) = cold::with_token().await?
    {
        return Ok(code);
    }
    let machine = machine::describe(options.effort).await?;
    println!("{machine}\n");
    let mut tables = Vec::new();
    for part in &options.parts {
        eprintln!("{part}");
        for table in measure(part, &options).await? {
            println!("{table}");
            tables.push(table);
        }
    }
    if options.write {
        figures::write(&machine, &tables)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(part: &str, options: &Options) -> Outcome<Vec<Table>> {
    let effort = options.effort;
    match part {
        "unit" => unit::measure(effort).await,
        "http" => http::measure(effort).await,
        "import" => import::measure(effort).await,
        "audit" => audit::measure(effort).await,
        "verify" => verify::measure(effort).await,
        "policy" => policy::measure(effort).await,
        "sealing" => sealing::measure(effort).await,
        "keys" => cold::measure(effort).await,
        _ => rekey::measure(effort, options.fields()).await,
    }
}
