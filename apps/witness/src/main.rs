//! A witness of logs: sees each of their checkpoints grow out of the last one, and signs for it
//! ([tlog-witness](https://c2sp.org/tlog-witness)).

mod disk;
#[cfg(test)]
mod fixture;
mod key;
mod known;
mod records;
mod serve;
mod settings;

use std::process::ExitCode;

use settings::Settings;

/// Requests wait for each other before the disk does.
const THREADS: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let settings = match Settings::read(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{}", settings::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", settings::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let causes =
                std::iter::successors(Some(&*failure as &dyn std::error::Error), |error| error.source());
            eprintln!("{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&settings.log)?;
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(THREADS).build()?;
    runtime.block_on(serve::serve(settings))
}
