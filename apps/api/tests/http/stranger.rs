//! Whoever must not get at a tenant's rows.

use crate::support::{Ask, Client, Deployment, Outcome, Tenant};

/// A stranger to the victim's tenant, and how every request of theirs must be answered.
pub(crate) struct Stranger {
    pub(crate) called: &'static str,
    pub(crate) client: Client,
    /// The status of a request whose ids are in the path; nothing if that depends on the operation's permission.
    pub(crate) refused: u16,
    /// Sent beside.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether the key is one of the victim's tenant itself.
    pub(crate) inside: bool,
    /// Whether it is one of the other tenant.
    pub(crate) elsewhere: bool,
}

/// Everybody who is one.
pub(crate) async fn strangers(
    deployment: &Deployment,
    victim: &Tenant,
    other: &Tenant,
) -> Outcome<Vec<Stranger>> {
    let (revoked_id, revoked) = other.key("live", &["tenant.read"]).await?;
    other.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{revoked_id}"))).await?.expect(204)?;
    let (expired_id, expired) = other.key("live", &["tenant.read"]).await?;
    let past = |table: &str| {
        format!("UPDATE ward.{table} SET expires_at = now() - interval '1 second' WHERE id = '{expired_id}'")
    };
    for table in ["api_key", "api_key_lookup"] {
        assert_eq!(deployment.database.run("postgres", past(table)).await?, 1);
    }
    let unknown = format!("{}0000", &other.client.key()[..other.client.key().len() - 4]);
    let nobody = deployment.anonymous();
    let good = other.client.key();
    let stranger = |called, client: Client, refused| {
        let (inside, elsewhere) = (false, true);
        Stranger { called, client, refused, headers: vec![], inside, elsewhere }
    };
    let sandboxed = stranger("the victim's own key for its sandbox", sandboxed(victim).await?, 404);
    let lesser = stranger("a lesser key of the victim", victim.with(&[]).await?, 403);
    let mut misplaced = stranger("a good key in another header", nobody.clone(), 401);
    misplaced.headers =
        vec![("authorization", format!("Bearer {good}")), ("cookie", format!("X-API-Key={good}"))];
    let mut naming = stranger("another tenant's key that names the victim", other.client.clone(), 404);
    naming.headers = vec![("x-tenant-id", victim.id.clone()), ("x-forwarded-host", victim.id.clone())];
    Ok(vec![
        stranger("no key", nobody.clone(), 401),
        stranger("an empty key", nobody.with_key(""), 401),
        stranger("no key at all", nobody.with_key("nonsense"), 401),
        stranger("an unknown key", nobody.with_key(unknown), 401),
        stranger("a revoked key", revoked, 401),
        stranger("an expired key", expired, 401),
        misplaced,
        stranger("another tenant's key", other.client.clone(), 404),
        naming,
        Stranger { elsewhere: false, ..sandboxed },
        stranger("a lesser key of another tenant", other.with(&[]).await?, 403),
        Stranger { inside: true, elsewhere: false, ..lesser },
    ])
}

/// A client of the tenant's sandbox, with a key that may do everything.
async fn sandboxed(tenant: &Tenant) -> Outcome<Client> {
    let me = tenant.client.get("/v1/me").await?.expect(200)?;
    let names = me["permissions"].as_array().ok_or("no permissions")?.iter();
    let names: Vec<_> = names.filter_map(|name| name.as_str()).collect();
    Ok(tenant.key("test", &names).await?.1)
}

impl Stranger {
    /// The request as this one sends it.
    pub(crate) fn dress(&self, mut ask: Ask) -> Ask {
        for (name, value) in &self.headers {
            ask = ask.header(name, value);
        }
        ask
    }
}
