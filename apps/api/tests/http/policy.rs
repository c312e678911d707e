//! What the pages may run, which is what they say of themselves.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::support::{Deployment, Outcome};

/// The hashes that a policy allows for `directive`; nothing but hashes may stand there.
fn hashes(policy: &str, directive: &str) -> Outcome<BTreeSet<String>> {
    let sources =
        policy.split(';').map(str::trim).find_map(|part| part.strip_prefix(&format!("{directive} ")));
    let sources: BTreeSet<_> = sources.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    match sources.iter().find(|source| !source.starts_with("'sha256-")) {
        Some(other) => Err(format!("`{directive}` allows {other}").into()),
        None => Ok(sources),
    }
}

/// The hashes of the elements of that name, as an HTML parser delimits them, and what is left of the page.
fn inline(page: &str, element: &str) -> (BTreeSet<String>, String) {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let (mut hashes, mut rest, mut outside) = (BTreeSet::new(), page, String::new());
    while let Some((before, after)) = rest.split_once(&start) {
        let (text, after) = after.split_once(&end).unwrap_or((after, ""));
        hashes.insert(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.replace("\r\n", "\n")))));
        outside.push_str(before);
        rest = after;
    }
    (hashes, outside + rest)
}

#[tokio::test]
async fn the_pages_run_only_what_their_policy_names_by_hash() -> Outcome {
    let client = Deployment::shared().await?.anonymous();
    for (path, scripts) in [("/trust", 0), ("/docs", 2)] {
        let answer = client.get(path).await?;
        let (page, policy) = (answer.text(), answer.header("content-security-policy").ok_or("no policy")?);
        assert_eq!(answer.status, 200);
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        for loose in ["unsafe", "*", "http:", "https:", "blob:", "'strict-dynamic'"] {
            assert!(!policy.contains(loose), "{path}: {policy}");
        }
        let (run, outside) = inline(&page, "script");
        assert_eq!(run.len(), scripts, "{path}");
        assert_eq!(hashes(policy, "script-src")?, run, "{path}");
        let (styles, outside) = inline(&outside, "style");
        assert_eq!(hashes(policy, "style-src")?, styles, "{path}");
        // Nothing else would run or be fetched.
        let rest = outside.replace("<link rel=\"icon\" href=\"data:,\">", "").to_lowercase();
        for other in
            ["<script", " onload=", " onclick=", " style=", "<link", "<iframe", "src=\"http", "javascript:"]
        {
            assert!(!rest.contains(other), "{path} holds `{other}`");
        }
    }
    Ok(())
}
