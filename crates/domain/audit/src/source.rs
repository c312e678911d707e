use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use ward_kernel::{Commitment, Source};

/// Where a unit's requests came from, as the log has it: two commitments, and the text beside it that opens them.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub(crate) ip: Option<Commitment>,
    pub(crate) agent: Option<Commitment>,
    clear: Option<String>,
}

impl Origin {
    /// Commits to address and agent: HMAC-SHA256 under `salt`, drawn for this unit alone, over the name of the field, a zero and
    /// the value.
    pub fn of(source: &Source, salt: &[u8; 32]) -> Self {
        let (ip, agent) = (source.ip.map(|ip| ip.to_string()), source.user_agent.as_deref());
        if ip.is_none() && agent.is_none() {
            return Self::default();
        }
        let clear = json!({ "ip": ip, "salt": STANDARD.encode(salt), "user_agent": agent }).to_string();
        let commit = |field: &str, value: &str| commitment(salt, field, value);
        Self {
            ip: ip.as_deref().map(|ip| commit("ip", ip)),
            agent: agent.map(|agent| commit("agent", agent)),
            clear: Some(clear),
        }
    }

    /// What is to be sealed beside the log, if there is anything. Without it nobody can check a guess at the values.
    pub fn clear(&self) -> Option<&str> {
        self.clear.as_deref()
    }
}

fn commitment(salt: &[u8; 32], field: &str, value: &str) -> Commitment {
    let mut block = [0; 64];
    block.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&block).into());
    mac.update(field.as_bytes());
    mac.update(&[0]);
    mac.update(value.as_bytes());
    Commitment(mac.finalize().into_bytes().into())
}
