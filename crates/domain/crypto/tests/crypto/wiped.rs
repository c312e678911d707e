//! What is left on the stack of a thread that worked with keys.

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};
use std::thread;

use futures::executor::block_on;
use hkdf::Hkdf;
use sha2::Sha256;
use sha2::block_api::compress256;
use ward_audit::note::NoteSigner as _;
use ward_crypto::{KeyId, LocalKeys, RootKey, Suite, TenantKeys, TokenPurpose};
use ward_kernel::{Entropy, Indexer as _, Sealer as _};

use crate::support::{SUITES, email, os, subject, tenant};

/// How far down a stack is looked through.
const DEPTH: usize = 128 << 10;
/// The step that leaves a key behind, to be found.
const COPY: &str = "copy";
const LABELS: [&str; 10] =
    ["root", "wrap", "seal", "commit", "index", "erasure ledger", "secret", "digest", "log", "token"];

/// Gives random octets, and remembers those that became keys.
#[derive(Default)]
struct Known(Mutex<Vec<Vec<u8>>>);

impl Entropy for Known {
    fn fill(&self, bytes: &mut [u8]) {
        os().fill(bytes);
        if bytes.len() == 32 {
            self.0.lock().unwrap().push(bytes.to_vec());
        }
    }
}

/// What lies on the stack below the frame of the caller after each of some steps.
struct Steps(Vec<(&'static str, Vec<u8>)>);

impl Steps {
    fn take<T>(&mut self, name: &'static str, step: impl FnOnce() -> T) -> T {
        let done = deep(step);
        let here = 0_u8;
        let end = std::ptr::from_ref(black_box(&here)).addr();
        let mut stack = vec![0; DEPTH];
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut stack, (end - DEPTH) as u64).unwrap();
        self.0.push((name, stack));
        done
    }
}

/// Runs a step further down than whoever looks at the stack afterwards comes.
#[inline(never)]
fn deep<T>(step: impl FnOnce() -> T) -> T {
    let room = [0_u8; 8 << 10];
    black_box(&room);
    let done = step();
    black_box(&room);
    done
}

fn work(suite: Suite, known: &Arc<Known>) -> Steps {
    let mut steps = Steps(Vec::new());
    let entropy: Arc<dyn Entropy> = known.clone();
    let service = steps.take("root", || LocalKeys::new(RootKey::random(&*entropy).unwrap(), entropy.clone()));
    let create = || block_on(TenantKeys::create(tenant(1), &service, suite, entropy.clone())).unwrap();
    let stored = steps.take("create", || create().1);
    let keys = steps.take("load", || {
        Box::new(block_on(TenantKeys::load(tenant(1), &service, &stored, entropy.clone())).unwrap())
    });
    let made = || Box::new(keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap());
    let wrapped = steps.take("make a person's key", made).1;
    let person = steps.take("a person's key", || Box::new(keys.subject_key(&wrapped, &[]).unwrap()));
    steps.take("seal", || person.seal(email(1), b"ada@example.org").unwrap());
    steps.take("index", || keys.index().index("email", b"ada@example.org"));
    steps.take("digest", || keys.api_key().digest(b"text"));
    let sealed = steps.take("seal a secret", || keys.queue().seal(email(1), &[7; 3000]).unwrap());
    steps.take("open a secret", || keys.queue().open(email(1), &sealed).unwrap());
    steps.take("token", || keys.token().sign(TokenPurpose::Reset, b"", None).unwrap());
    let log = keys.log().all().next().unwrap();
    let signer = steps.take("signer", || log.signer("log").unwrap());
    steps.take("sign", || signer.sign(b"head").unwrap());
    steps.take("drop", || drop((keys, person, signer)));
    steps.take(COPY, || copy(&known.0.lock().unwrap()[0]));
    steps
}

/// Leaves a copy of the key in a frame of its own.
#[inline(never)]
fn copy(key: &[u8]) {
    let copy: [u8; 32] = key.try_into().unwrap();
    black_box(&copy);
}

/// The forms in which a key may lie: itself, what is derived from it, and what HMAC makes of either.
fn forms(known: &Known) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for key in known.0.lock().unwrap().iter() {
        forms.extend(with_hmac("key", key));
        for label in LABELS {
            let mut derived = vec![0; 32];
            let label = format!("ward v1 {label}");
            Hkdf::<Sha256>::from_prk(key).unwrap().expand(label.as_bytes(), &mut derived).unwrap();
            forms.extend(with_hmac(&label, &derived));
        }
    }
    forms
}

fn with_hmac(name: &str, key: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = vec![(name.to_owned(), key.to_vec())];
    for (pad, side) in [(0x36, "inner"), (0x5c, "outer")] {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        let mut state = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        compress256(&mut state, &[block]);
        forms.push((format!("{name}, {side} block"), block[..32].to_vec()));
        forms.push((
            format!("{name}, {side} state"),
            state.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect(),
        ));
    }
    forms
}

fn found(steps: &Steps, forms: Vec<(String, Vec<u8>)>) -> Vec<String> {
    let forms: HashMap<_, _> = forms.into_iter().map(|(name, form)| (form, name)).collect();
    let mut found = Vec::new();
    for (step, stack) in &steps.0 {
        let hits = stack.windows(32).enumerate().filter_map(|(at, part)| Some((at, forms.get(part)?)));
        found.extend(hits.map(|(at, name)| format!("after `{step}`, {} down: {name}", DEPTH - at)));
    }
    found
}

#[test]
fn no_key_is_left_on_the_stack_on_which_it_was_worked_with() {
    for suite in SUITES {
        let known = Arc::new(Known::default());
        let worker = known.clone();
        let steps = thread::spawn(move || work(suite, &worker)).join().unwrap();
        let found = found(&steps, forms(&known));
        let (copied, left): (Vec<_>, Vec<_>) = found.into_iter().partition(|hit| hit.contains(COPY));
        assert!(!copied.is_empty(), "the stack was looked through");
        assert_eq!(left, Vec::<String>::new(), "{suite:?}");
    }
}
