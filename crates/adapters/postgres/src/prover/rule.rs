/// One thing that must hold for every object of the database.
#[derive(Debug, Eq, PartialEq)]
pub struct Rule {
    /// `R00` to `R28`.
    pub code: &'static str,
    /// What holds if the rule has no finding.
    pub states: &'static str,
}

/// Every rule, in order. `R00` is judged from the server's version and degrades a proof; the others refute it.
pub static RULES: [Rule; 29] = [
    rule("R00", "the server has the fixes for the known holes in row-level security"),
    rule("R01", "row-level security is on for every tenant table, partitions included"),
    rule("R02", "row-level security binds the owner too"),
    rule("R03", "every table has a column `tenant` or is declared exempt"),
    rule("R04", "`tenant` is a uuid and never null"),
    rule("R05", "every policy has the canonical text"),
    rule("R06", "every policy binds every role"),
    rule("R07", "every table has exactly one permissive policy, for all commands"),
    rule("R08", "every unique index includes the tenant"),
    rule("R09", "every foreign key pairs tenant with tenant"),
    rule(
        "R10",
        "the serving role has no attribute that lifts it above policies, and no session starts with a tenant, past policies, or ahead of the disk",
    ),
    rule("R11", "the serving role is a member of no other role"),
    rule("R12", "the serving role owns nothing"),
    rule("R13", "the serving role can't truncate, reference, attach triggers, create, or grant onward"),
    rule("R14", "views run with their caller's rights"),
    rule("R15", "materialised views and foreign tables can't be read"),
    rule("R16", "partitions can't be reached past their parent, and are all its owner's"),
    rule("R17", "functions with their owner's rights are the declared ones, word for word"),
    rule(
        "R18",
        "functions with their owner's rights have a pinned search path, and none sets a tenant or a role",
    ),
    rule("R19", "no function claims to be leakproof"),
    rule("R20", "nothing is granted to PUBLIC"),
    rule("R21", "no publication copies rows past the policies"),
    rule("R22", "no rule rewrites statements"),
    rule("R23", "tenants share no counter"),
    rule("R24", "no table inherits from another"),
    rule("R25", "nothing is granted by default on objects yet to come"),
    rule("R26", "`ward.tenant()` and `ward.reader` are the canonical ones"),
    rule("R27", "append-only tables have their triggers and checks, and lookups only the declared rights"),
    rule("R28", "every trigger is a declared one, and every declared one is in force"),
];

impl Rule {
    /// The rule of that code.
    pub fn of(code: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.code == code)
    }
}

const fn rule(code: &'static str, states: &'static str) -> Rule {
    Rule { code, states }
}
