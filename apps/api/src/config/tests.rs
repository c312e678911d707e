use std::os::unix::ffi::OsStringExt as _;

use super::*;

const LEDGER: (&str, &str) = ("WARD_ERASURE_LEDGER", "file:///ledger");

fn load(settings: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_settings(settings.collect())
}

#[test]
fn every_error_is_told_at_once_and_no_value() {
    let wrong = [("WARD_LISTEN", "s3cret"), ("WARD_MODE", "s3cret"), ("WARD_LISTNE", "x")];
    let told = load(&wrong).unwrap_err().to_string();
    for name in ["WARD_LISTEN", "WARD_MODE", "WARD_LISTNE", "WARD_ROOT_KEY_FILE"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(!told.contains("s3cret"));
}

#[test]
fn production_refuses_a_database_that_a_network_leads_to() {
    let remote = "postgres://ward_app:s3cret@db.example.org/ward";
    let (key, url, owner) =
        (("WARD_ROOT_KEY_FILE", "/x"), ("WARD_DATABASE_URL", remote), ("WARD_OWNER_DATABASE_URL", remote));
    let told = load(&[key, url, owner]).unwrap_err().to_string();
    assert!(told.contains("`WARD_DATABASE_URL` is on another machine"), "{told}");
    assert!(told.contains("`WARD_OWNER_DATABASE_URL` is on another machine"), "{told}");
    assert!(!told.contains("s3cret") && !told.contains("example.org"), "{told}");

    let development = ("WARD_MODE", "development");
    let let_pass = load(&[development, url, owner, LEDGER]).unwrap();
    assert_eq!(let_pass.warnings().len(), 2);
    assert!(!format!("{let_pass:?} {:?}", let_pass.warnings()).contains("s3cret"));
    let local = ("WARD_DATABASE_URL", "postgres://ward_app:s3cret@127.0.0.1/ward");
    let named = ("WARD_LOG_ORIGIN", "ward.example.org");
    assert!(load(&[key, local, named, LEDGER]).unwrap().warnings().is_empty());
    let wrong = load(&[development, ("WARD_DATABASE_URL", "s3cret")]).unwrap_err().to_string();
    assert!(wrong.contains("`WARD_DATABASE_URL` must be a URL") && !wrong.contains("s3cret"), "{wrong}");
}

#[test]
fn what_is_no_text_is_a_fault_only_in_a_setting() {
    let binary = OsString::from_vec(vec![0xff]);
    let mode = ("WARD_MODE".into(), "development".into());
    let others = [mode, ("OTHER".into(), binary.clone()), (binary.clone(), "x".into())];
    assert!(Config::from_environment(others.clone().into_iter()).is_ok());
    let ours = others.into_iter().chain([("WARD_DATA_DIR".into(), binary)]);
    assert_eq!(Config::from_environment(ours).unwrap_err().to_string(), "`WARD_DATA_DIR` must be UTF-8");
}

#[test]
fn logs_have_a_name_that_a_key_can_have() {
    let named = |name| load(&[("WARD_MODE", "development"), ("WARD_LOG_ORIGIN", name)]);
    assert!(named("ward.example.org/eu-1").is_ok());
    for name in ["a b", "a+b", "a/", "a\nb", &"a".repeat(201)] {
        assert!(named(name).unwrap_err().to_string().starts_with("`WARD_LOG_ORIGIN` must be"), "{name}");
    }
    assert_eq!(
        load(&[("WARD_ROOT_KEY_FILE", "/x"), LEDGER]).unwrap().warnings().len(),
        1,
        "a name for good needs a thought"
    );
}

#[test]
fn logs_are_kept_for_good_or_for_as_long_as_the_rules_want_at_least() {
    let kept = |years| load(&[("WARD_MODE", "development"), ("WARD_LOG_KEEP_YEARS", years)]);
    assert_eq!(load(&[("WARD_MODE", "development")]).unwrap().log_keep_years, None);
    assert_eq!(u16::from(kept("7").unwrap().log_keep_years.unwrap()), 7);
    let told = kept("5").unwrap_err().to_string();
    assert!(
        told.starts_with("`WARD_LOG_KEEP_YEARS` must be 6 to 200")
            && told.contains("45 CFR 164.316(b)(2)(i)"),
        "{told}"
    );
}

#[test]
fn who_keeps_no_ledger_of_erasures_is_told_and_days_are_no_more_than_a_century() {
    let told =
        load(&[("WARD_ROOT_KEY_FILE", "/x"), ("WARD_LOG_ORIGIN", "ward.example.org")]).unwrap().warnings();
    assert!(told.len() == 1 && told[0].starts_with("`WARD_ERASURE_LEDGER` isn't set"), "{told:?}");
    let kept = |days| load(&[("WARD_MODE", "development"), LEDGER, ("WARD_BACKUPS_KEPT_DAYS", days)]);
    assert_eq!(kept("0").unwrap().backups_kept_days, Some(0));
    assert_eq!(kept("36525").unwrap().backups_kept_days, Some(36_525));
    for wrong in ["36526", "-1", "a week"] {
        assert!(
            kept(wrong).unwrap_err().to_string().starts_with("`WARD_BACKUPS_KEPT_DAYS` must be"),
            "{wrong}"
        );
    }
    let elsewhere = load(&[("WARD_MODE", "development"), ("WARD_ERASURE_LEDGER", "https://s3cret.example")]);
    let elsewhere = elsewhere.unwrap_err().to_string();
    assert!(
        elsewhere.starts_with("`WARD_ERASURE_LEDGER` must be") && !elsewhere.contains("s3cret"),
        "{elsewhere}"
    );
}

#[test]
fn two_listeners_need_two_addresses() {
    let both = |listen, admin| {
        let mode = ("WARD_MODE", "development");
        load(&[mode, ("WARD_LISTEN", listen), ("WARD_ADMIN_LISTEN", admin)])
    };
    assert!(both("127.0.0.1:8080", "127.0.0.1:8080").is_err());
    assert!(both("127.0.0.1:8080", "127.0.0.1:8081").is_ok());
    assert!(both("127.0.0.1:0", "127.0.0.1:0").is_ok());
}

#[test]
fn production_needs_a_key() {
    assert!(load(&[]).is_err());
    assert!(load(&[("WARD_ROOT_KEY_FILE", "/x")]).is_ok());
    assert!(load(&[("WARD_MODE", "development")]).is_ok());
}
