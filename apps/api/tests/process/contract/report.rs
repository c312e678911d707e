use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde::Deserialize;

/// What schemathesis did and saw.
pub(crate) struct Report {
    pub(crate) success: bool,
    output: String,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "ScenarioFinished")]
    finished: Option<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    phase: String,
    status: String,
    recorder: Recorder,
}

#[derive(Deserialize)]
struct Recorder {
    label: String,
    #[serde(default)]
    cases: BTreeMap<String, Case>,
    #[serde(default)]
    interactions: BTreeMap<String, Interaction>,
    #[serde(default)]
    checks: BTreeMap<String, Vec<Check>>,
}

#[derive(Deserialize)]
struct Case {
    value: Request,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
}

#[derive(Deserialize)]
struct Interaction {
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    status_code: u16,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    status: String,
}

impl Report {
    /// Reads what a run printed, and its report of events.
    pub(crate) fn read(run: &Output, events: &Path) -> Self {
        let output = [&run.stdout, &run.stderr].map(|told| String::from_utf8_lossy(told)).concat();
        let text = fs::read_to_string(events).unwrap_or_else(|error| panic!("{error}\n{output}"));
        let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
        let scenarios = lines.filter_map(|line| line.finished).collect();
        Self { success: run.status.success(), output, scenarios }
    }

    /// The phases in which something was tested.
    pub(crate) fn phases(&self) -> BTreeSet<&str> {
        let tested = self.scenarios.iter().filter(|scenario| scenario.status != "skip");
        tested.map(|scenario| scenario.phase.as_str()).collect()
    }

    /// Those of `checks` that never held.
    pub(crate) fn lacks<'c>(&self, checks: &[&'c str]) -> Vec<&'c str> {
        let held = self.scenarios.iter().flat_map(|scenario| scenario.recorder.checks.values().flatten());
        let held = held.filter(|check| check.status == "success").map(|check| check.name.as_str());
        let held: BTreeSet<_> = held.collect();
        checks.iter().copied().filter(|check| !held.contains(check)).collect()
    }

    /// The operations that a phase left out which tests each of them.
    pub(crate) fn untested(&self, operations: &[String]) -> Vec<String> {
        let tested = self.scenarios.iter().filter(|scenario| scenario.status != "skip");
        let tested: BTreeSet<_> = tested.map(|it| (it.phase.as_str(), it.recorder.label.as_str())).collect();
        let all = ["coverage", "fuzzing"]
            .into_iter()
            .flat_map(|phase| operations.iter().map(move |of| (phase, of)));
        all.filter(|(phase, of)| !tested.contains(&(phase, of)))
            .map(|(phase, of)| format!("{phase}: {of}"))
            .collect()
    }

    /// The operations that never did what they were asked for.
    pub(crate) fn never_successful(&self, operations: &[String]) -> Vec<String> {
        let done: BTreeSet<_> =
            self.answers().filter(|(_, status)| (200..300).contains(status)).map(|(of, _)| of).collect();
        operations.iter().filter(|of| !done.contains(*of)).cloned().collect()
    }

    /// Answers that say that the server failed, or that never came.
    pub(crate) fn server_errors(&self) -> Vec<String> {
        let failed = self.answers().filter(|(_, status)| !(100..500).contains(status));
        failed.map(|(of, status)| format!("{of}: {status}")).collect()
    }

    /// Operation and status of every request; 0 for no answer.
    fn answers(&self) -> impl Iterator<Item = (String, u16)> {
        let all = self.scenarios.iter().flat_map(|scenario| {
            let Recorder { cases, interactions, .. } = &scenario.recorder;
            interactions.iter().map(move |(id, interaction)| (&cases[id].value, interaction))
        });
        all.map(|(Request { method, path }, interaction)| {
            let status = interaction.response.as_ref().map_or(0, |response| response.status_code);
            (format!("{method} {path}"), status)
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.output)
    }
}
