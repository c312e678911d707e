//! Structured logs on standard error, one JSON object a line.

use std::error::Error;
use std::panic::{self, PanicHookInfo};
use std::thread;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging what `wanted` selects, as `tracing` filters say it, panics included; never what others' code says at
/// trace level.
pub(crate) fn start(wanted: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(wanted)?;
    let lines = fmt::layer().json().with_writer(std::io::stderr);
    let logs = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_told)).with(lines);
    // Only the first subscriber counts; another is no fault of the command's.
    let _set = logs.try_init();
    panic::set_hook(Box::new(panicked));
    Ok(())
}

/// Tells where it was, and not what it said: that may hold anything.
fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(tracing::field::display);
    tracing::error!(place, thread = thread::current().name(), "panicked");
}

/// An error and what it came from, in a line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A library's trace tells what the library was given: statements with their values, requests with their queries.
fn may_be_told(of: &Metadata<'_>) -> bool {
    let own = of.target().split("::").next().is_some_and(|name| name == "ward" || name.starts_with("ward_"));
    own || *of.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::Context;

    use super::*;

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Told {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(event.metadata().target().to_owned());
        }
    }

    #[test]
    fn what_a_library_traces_is_never_told() {
        let told = Told::default();
        let logs = tracing_subscriber::registry().with(EnvFilter::new("trace,sea_orm=trace"));
        let logs = logs.with(filter_fn(may_be_told)).with(told.clone());
        tracing::subscriber::with_default(logs, || {
            tracing::trace!(target: "sea_orm::driver", "s3cret");
            tracing::trace!(target: "wardrobe", "s3cret");
            tracing::debug!(target: "sqlx::query", "a statement");
            tracing::trace!(target: "ward_api::serve", "ours");
        });
        assert_eq!(*told.0.lock().unwrap(), ["sqlx::query", "ward_api::serve"]);
    }
}
