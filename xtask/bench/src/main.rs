//! What Ward costs beside doing without it, measured in interleaved rounds: `cargo xtask bench`.

mod audit;
mod figures;
mod growth;
mod http;
mod import;
mod machine;
mod policy;
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
Usage: cargo xtask bench [--quick] [--write] [PART...]

  unit     a governed write and read over bare ones, at the port
  http     the same through HTTP
  import   an import over plain multi-row INSERT
  audit    appends to the log over plain INSERT, COPY and a locked chain; how soon they are signed for; proofs and
           pages as it grows to ten million entries
  verify   a proof over its hashing; a whole log over hashing and COPY TO
  policy   a decision over those of cedar-policy and casbin
  sealing  sealing and opening over the raw ciphers

  soak N   instead: N operations of many tenants at once, dropped at random

  --quick  few short rounds: shows that it runs, and no figure worth keeping
  --write  writes the figures of all parts into docs/benchmarks.md";

const PARTS: [&str; 7] = ["unit", "http", "import", "audit", "verify", "policy", "sealing"];

/// What was asked for.
struct Options {
    parts: Vec<&'static str>,
    effort: Effort,
    write: bool,
}

impl Options {
    /// `None` where help is asked for.
    fn parse(arguments: impl Iterator<Item = String>) -> Outcome<Option<Self>> {
        let mut options = Self { parts: Vec::new(), effort: Effort::FULL, write: false };
        for argument in arguments {
            match argument.as_str() {
                "-h" | "--help" => return Ok(None),
                "--quick" => options.effort = Effort::QUICK,
                "--write" => options.write = true,
                name => match PARTS.iter().find(|part| **part == name) {
                    Some(part) => options.parts.push(part),
                    None => return Err(format!("`{name}` is neither an option nor a part\n\n{HELP}").into()),
                },
            }
        }
        let partial = !options.parts.is_empty() || options.effort == Effort::QUICK;
        if options.write && partial {
            return Err("`--write` keeps the figures of one whole run: no part, and not `--quick`".into());
        }
        if options.parts.is_empty() {
            options.parts = PARTS.to_vec();
        }
        Ok(Some(options))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = tokio::select! {
        done = run() => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, operations] = arguments.as_slice()
        && command == "soak"
    {
        return soak::run(operations.parse()?).await;
    }
    let Some(options) = Options::parse(arguments.into_iter())? else {
        println!("{HELP}");
        return Ok(());
    };
    let machine = machine::describe(options.effort).await?;
    println!("{machine}\n");
    let mut tables = Vec::new();
    for part in options.parts {
        eprintln!("{part}");
        for table in measure(part, options.effort).await? {
            println!("{table}");
            tables.push(table);
        }
    }
    if options.write { figures::write(&machine, &tables) } else { Ok(()) }
}

async fn measure(part: &str, effort: Effort) -> Outcome<Vec<Table>> {
    match part {
        "unit" => unit::measure(effort).await,
        "http" => http::measure(effort).await,
        "import" => import::measure(effort).await,
        "audit" => audit::measure(effort).await,
        "verify" => verify::measure(effort).await,
        "policy" => policy::measure(effort).await,
        _ => sealing::measure(effort).await,
    }
}
