use std::fmt;

use ward::kernel::TenantId;
use ward_postgres::KeyStanding;

use super::canary::is_own;

/// Whose keys a check looked at, told so that nobody takes a sandbox or what checks work in for a customer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counted {
    customers: u64,
    sandboxes: u64,
    own: u64,
}

impl Counted {
    pub(super) fn count(&mut self, tenant: TenantId, of: &KeyStanding) {
        let whose = of.live.unwrap_or(tenant);
        match of.live {
            _ if is_own(whose) => self.own += 1,
            Some(_) => self.sandboxes += 1,
            None => self.customers += 1,
        }
    }

    pub(super) fn all(&self) -> u64 {
        self.customers + self.sandboxes + self.own
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { customers, sandboxes, own } = self;
        let plural = |count: &u64, end| if *count == 1 { "" } else { end };
        let (of_customers, of_sandboxes) = (plural(customers, "s"), plural(sandboxes, "es"));
        write!(
            f,
            "{customers} customer{of_customers}, {sandboxes} sandbox{of_sandboxes} and {own} tenants of Ward's own"
        )
    }
}

#[cfg(test)]
mod tests {
    use ward::kernel::{TenantId, Uuid};
    use ward_postgres::KeyStanding;

    use super::super::canary::{A, B};
    use super::Counted;

    #[test]
    fn nobody_is_a_customer_but_customers() {
        let tenant = |n| TenantId::from(Uuid::from_u128(n));
        let mut counted = Counted::default();
        for (of, live) in [
            (TenantId::DEPLOYMENT, None),
            (A, None),
            (B, None),
            (tenant(3), Some(A)),
            (tenant(4), Some(B)),
            (tenant(5), None),
            (tenant(6), Some(tenant(5))),
        ] {
            counted.count(of, &KeyStanding { live, ..KeyStanding::default() });
        }
        assert_eq!(counted.to_string(), "1 customer, 1 sandbox and 5 tenants of Ward's own");
        (0..2).for_each(|n| counted.count(tenant(7 + n), &KeyStanding::default()));
        assert_eq!(
            (counted.to_string(), counted.all()),
            ("3 customers, 1 sandbox and 5 tenants of Ward's own".into(), 9)
        );
    }
}
