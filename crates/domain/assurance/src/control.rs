/// One promise that Ward can keep, and the requirements it answers in four standards: their numbers only, the
/// titles are ours.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// What claims and operations call it, such as `T1`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Sections of [45 CFR 164](https://www.ecfr.gov/current/title-45/subtitle-A/subchapter-C/part-164) (HIPAA).
    hipaa: &'static str,
    /// Criteria of the 2017 Trust Services Criteria (SOC 2).
    soc2: &'static str,
    /// Annex A of ISO/IEC 27001:2022.
    iso27001: &'static str,
    /// Articles of [Regulation (EU) 2016/679](https://eur-lex.europa.eu/eli/reg/2016/679/oj) (GDPR).
    gdpr: &'static str,
}

impl Control {
    /// The control of that id.
    pub fn find(id: &str) -> Option<&'static Self> {
        CONTROLS.iter().find(|control| control.id == id)
    }

    /// The requirements it answers, such as `HIPAA 164.312(b)` and `ISO 27001 A.8.15`.
    pub fn references(&self) -> impl Iterator<Item = String> {
        let standards = [
            ("HIPAA 164.", self.hipaa),
            ("SOC 2 ", self.soc2),
            ("ISO 27001 A.", self.iso27001),
            ("GDPR Art. ", self.gdpr),
        ];
        let named = |(standard, numbers): (&'static str, &'static str)| {
            numbers.split_whitespace().map(move |number| format!("{standard}{number}"))
        };
        standards.into_iter().flat_map(named)
    }

    /// What all of `ids` answer, each requirement once, in the order of the first that names it.
    pub fn references_of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut all = Vec::new();
        for reference in ids.into_iter().filter_map(Self::find).flat_map(Self::references) {
            if !all.contains(&reference) {
                all.push(reference);
            }
        }
        all
    }
}

const fn control(
    id: &'static str,
    title: &'static str,
    [hipaa, soc2, iso27001, gdpr]: [&'static str; 4],
) -> Control {
    Control { id, title, hipaa, soc2, iso27001, gdpr }
}

/// The catalogue.
#[rustfmt::skip]
pub static CONTROLS: [Control; 79] = [
    control("T1", "The database keeps tenants apart", ["312(a)(1)", "CC6.1 C1.1", "5.15 8.3 8.22", "32(1)(b)"]),
    control("T2", "The credential decides the tenant", ["312(a)(1) 312(d)", "CC6.1 CC6.6", "8.3 8.26", "32(1)(b)"]),
    control("T3", "The host name decides the tenant first", ["312(a)(1) 312(d)", "CC6.1 CC6.6", "8.3 8.26", "32(1)(b)"]),
    control("T4", "Nothing of another tenant is read or written", ["312(a)(1)", "CC6.1 C1.1", "8.3", "32(1)(b)"]),
    control("T5", "Files are kept apart by tenant", ["312(a)(1) 308(a)(7)(ii)(A)", "CC6.1 A1.2", "8.3 8.13 8.22", "32(1)(b)"]),
    control("T6", "Data stays in the tenant's region", ["", "C1.1", "5.23 5.31 5.34", "44 45 46"]),
    control("T7", "One practitioner owns an account", ["312(a)(1)", "CC6.1", "5.15 8.3", "32(1)(b)"]),
    control("T8", "Sign-up confirms the mail address", ["312(d)", "CC6.2", "5.16", "32(1)(b)"]),
    control("T9", "Invitations are signed, used once, and end", ["308(a)(4)(ii)(C) 312(d)", "CC6.2", "5.16 5.17", "32(1)(b)"]),
    control("T10", "The database limits callers by role too", ["312(a)(1) 308(a)(4)(ii)(B)", "CC6.1 CC6.3", "8.2 8.3 8.18", "32(1)(b)"]),
    control("I1", "Passwords are strong and kept hashed", ["308(a)(5)(ii)(D)", "CC6.1", "5.17", "32(1)(b)"]),
    control("I2", "Sessions end by age, by idleness and at once", ["312(a)(2)(iii) 308(a)(3)(ii)(C)", "CC6.1 CC6.3", "5.18 8.5", "32(1)(b)"]),
    control("I3", "A second factor, enforceable by the tenant", ["312(d)", "CC6.1", "5.17 8.5", "32(1)(b)"]),
    control("I4", "Signed tokens are verified on every request", ["312(d)", "CC6.1", "8.5 8.24", "32(1)(b)"]),
    control("I5", "Single sign-on for verified domains", ["312(d) 308(a)(3)(ii)(C)", "CC6.1 CC6.2", "5.16 8.5", "32(1)(b)"]),
    control("I6", "API keys are random, scoped and revocable", ["312(a)(2)(i) 312(d)", "CC6.1 CC6.3", "5.17 8.5 8.31", "32(1)(b)"]),
    control("I7", "Use is metered by a monthly quota", ["", "CC6.6 A1.1", "8.6", "32(1)(b)"]),
    control("I8", "Staff see content only by breaking the glass", ["312(a)(2)(ii) 308(a)(4)", "CC6.1 CC6.3", "5.15 8.2", "32(4)"]),
    control("I9", "Outbound secrets come from a vault", ["308(a)(5)(ii)(D)", "CC6.1", "5.17 8.4 8.24", "32(1)(b)"]),
    control("I10", "The customer's directory adds and removes people", ["308(a)(3)(ii)(C)", "CC6.2 CC6.3", "5.16 5.18", "32(1)(b)"]),
    control("R1", "Roles lie where their holders can't reach", ["308(a)(4)(ii)(B) 308(a)(4)(ii)(C)", "CC6.2 CC6.3", "5.18 8.2", "32(1)(b)"]),
    control("R2", "A tenant shapes its own roles", ["308(a)(4)(ii)(B)", "CC6.3", "5.15", "32(1)(b)"]),
    control("R3", "Every operation asks before it works", ["312(a)(1) 308(a)(4)(ii)(B)", "CC6.1 CC6.3", "5.15 8.2 8.3", "25(2) 32(1)(b)"]),
    control("R4", "Nobody is shown what they can't do", ["312(a)(1)", "CC6.1", "8.3", "25(2)"]),
    control("R5", "Access is reviewed every quarter", ["308(a)(4)(ii)(C) 308(a)(8)", "CC4.1 CC6.2", "5.18", "32(1)(d)"]),
    control("A1", "Every change leaves its entry, or doesn't happen", ["312(b) 308(a)(1)(ii)(D)", "CC7.2 CC7.3", "8.15", "5(2) 32"]),
    control("A2", "Reading, leaving and being refused are logged", ["312(b) 308(a)(5)(ii)(C)", "CC6.7 CC7.2", "8.12 8.15 8.16", "5(2) 32"]),
    control("A3", "The log holds nothing personal", ["312(b) 502(b)", "CC7.2 C1.1", "8.11 8.15", "5(1)(c)"]),
    control("A4", "The log only grows", ["312(b) 312(c)(1) 312(c)(2)", "CC7.2", "5.28 5.33 8.15", "5(2) 32"]),
    control("A5", "The log is kept for six years", ["316(b)(2)(i)", "CC7.2", "5.33", "5(2)"]),
    control("A6", "The log can be searched and exported", ["308(a)(1)(ii)(D)", "CC7.2", "8.15 8.16", "5(2)"]),
    control("C1", "Personal fields are sealed by the application", ["312(a)(2)(iv) 312(c)(1)", "CC6.1 C1.1", "8.11 8.24", "32(1)(a)"]),
    control("C2", "AES-GCM with a random nonce per value", ["312(a)(2)(iv)", "CC6.1 C1.1", "8.24", "32(1)(a)"]),
    control("C3", "No key, no service", ["312(a)(1) 312(a)(2)(iv)", "CC6.1", "8.24 8.27", "32(1)(a)"]),
    control("C4", "Keys rotate without a pause", ["312(a)(2)(iv)", "CC6.1", "8.24", "32(1)(a)"]),
    control("C5", "The customer's own key, and its withdrawal", ["312(a)(2)(iv) 310(d)(2)(i)", "CC6.1 CC6.5", "8.10 8.24", "32(1)(a)"]),
    control("C6", "Backups, files and queues are sealed too", ["312(a)(2)(iv)", "CC6.1 C1.1", "8.13 8.24", "32(1)(a)"]),
    control("C7", "Sealed values are found without opening them", ["312(a)(2)(iv)", "CC6.1", "8.11 8.24", "25(1)"]),
    control("C8", "Destroying a key erases a person", ["310(d)(2)(i)", "CC6.5 C1.2", "8.10", "17(1)"]),
    control("C9", "Disks and backups are encrypted", ["312(a)(2)(iv)", "CC6.1 C1.1", "8.13 8.24", "32(1)(a)"]),
    control("D1", "Identifiers leave before a model is asked", ["514(b)(2) 502(b)", "C1.1 CC6.7", "8.11 8.12", "5(1)(c) 25(1)"]),
    control("D2", "Only scrubbed text goes out, raw text isn't kept", ["502(b) 514(d)", "P3.1 P4.1 C1.1", "5.34 8.11", "5(1)(c)"]),
    control("D3", "A demonstration that keeps nothing", ["", "CC6.6", "8.6 8.26", "5(1)(c)"]),
    control("D4", "A person decides, the model advises", ["", "PI1.4", "5.4", "22"]),
    control("D5", "Card numbers are never stored", ["", "C1.1", "8.11", "5(1)(c)"]),
    control("D6", "Providers keep nothing and train on nothing", ["308(b)(3) 504(e)", "CC9.2 P6.4", "5.20 5.23", "28(3)"]),
    control("M1", "Consent is kept with its proof", ["508", "P2.1 P3.2", "5.34", "7(1)"]),
    control("M2", "One click unsubscribes", ["", "P2.1", "5.34", "7(3) 21(3)"]),
    control("M3", "Suppression stands before every message", ["", "P2.1 P4.1", "5.34", "21(3)"]),
    control("M4", "Telephone rules: keywords and quiet hours", ["", "P2.1", "5.31 5.34", "21"]),
    control("M5", "Every message names its sender", ["", "P1.1 CC2.3", "5.31", "13"]),
    control("M6", "Mail leaves through an authenticated relay", ["312(e)(1)", "CC6.7", "5.14 8.24", "32(1)(a)"]),
    control("L1", "Each category has its retention period", ["316(b)(2)(i)", "C1.1 P4.2", "5.33", "5(1)(e)"]),
    control("L2", "A sweep deletes on time, and shows what", ["310(d)(2)(i) 316(b)(2)(i)", "C1.2 P4.2 P4.3", "5.33 8.10", "5(1)(e)"]),
    control("L3", "A legal hold outlasts the schedule", ["", "C1.2", "5.28 5.33", "17(3)(e)"]),
    control("L4", "A closed account is gone", ["310(d)(2)(i)", "C1.2 CC6.5", "8.10", "17 28(3)(g)"]),
    control("S1", "A person's data in one request", ["524", "P5.1", "5.34", "15 20"]),
    control("S2", "Requests about rights are answered in time", ["524(b)(2)", "P4.3 P5.1 P8.1", "5.34 8.10", "12(3) 15 17"]),
    control("S3", "Answers reach beyond Ward's own tables", ["524", "P5.1", "5.34", "15"]),
    control("W1", "What calls in is signed and fresh", ["312(c)(2) 312(e)(2)(i)", "CC6.6 PI1.2", "5.14 8.26", "32(1)(b)"]),
    control("W2", "What calls out is signed", ["312(e)(2)(i)", "CC6.7", "5.14 8.26", "32(1)(b)"]),
    control("W3", "Input is checked, errors tell nothing", ["312(c)(1)", "CC6.6 PI1.2", "8.26 8.28", "32(1)(b)"]),
    control("W4", "A request sent twice acts once", ["312(c)(1)", "PI1.3", "8.26", "32(1)(b)"]),
    control("W5", "Browsers are told to be strict", ["312(e)(1)", "CC6.6", "8.23 8.26", "32(1)(b)"]),
    control("W6", "Nothing travels in clear", ["312(e)(1) 312(e)(2)(ii)", "CC6.7", "5.14 8.20 8.24", "32(1)(a)"]),
    control("G1", "A claim is green while its check passes", ["308(a)(8)", "CC4.1 CC2.3", "5.35 5.36", "5(2) 32(1)(d)"]),
    control("G2", "Controls are mapped to the standards", ["316(b)(1)", "CC2.3 CC3.1", "5.36", "5(2)"]),
    control("G3", "Evidence can be had, and checked elsewhere", ["316(b)(1)", "CC2.3 CC4.1", "5.35 5.36", "5(2) 28(3)(h)"]),
    control("G4", "Incidents run against the clock", ["308(a)(6)(i) 308(a)(6)(ii) 404 410", "CC7.3 CC7.4 CC7.5 P6.3", "5.24 5.25 5.26 5.27", "33 34"]),
    control("G5", "Sub-processors are named, changes announced", ["308(b)(1) 314(a) 502(e)", "CC9.2 P6.4", "5.19 5.20 5.21 5.22 5.23", "28(2) 28(4)"]),
    control("G6", "Reported weaknesses are answered and mended", ["308(a)(1)(ii)(B) 308(a)(8)", "CC4.1 CC7.1 CC2.3", "5.5 8.8 8.29", "32(1)(d)"]),
    control("G7", "Policies, risks and agreements stay current", ["308(a)(1)(ii)(A) 308(a)(7) 316(a)", "CC3.2 CC5.3", "5.1 5.29 5.30 5.36", "24(2) 28(3) 35"]),
    control("G8", "Questionnaires are answered in time", ["", "CC2.3", "5.31", "28(3)(h)"]),
    control("G9", "Dependencies are pinned and scanned", ["308(a)(1)(ii)(B)", "CC7.1 CC8.1", "5.21 8.8", "32(1)(d)"]),
    control("G10", "Reports and agreements, ours and inherited", ["308(b)(3) 314(a)", "CC2.3 CC9.2", "5.20 5.22 5.35", "28(1) 28(3)"]),
    control("O1", "Backups restore to a point in time", ["308(a)(7)(ii)(A) 308(a)(7)(ii)(B) 308(a)(7)(ii)(D)", "A1.2 A1.3", "8.13", "32(1)(c)"]),
    control("O2", "The service outlives a machine", ["308(a)(7)(ii)(C)", "A1.1 A1.2", "8.6 8.14", "32(1)(b)"]),
    control("O3", "The service is watched", ["308(a)(1)(ii)(D)", "CC7.2 A1.1", "8.16", "32(1)(b)"]),
    control("O4", "Nothing is public that needn't be", ["312(e)(1)", "CC6.6", "8.20 8.22", "25(2) 32(1)(b)"]),
];

#[cfg(test)]
mod tests {
    use super::{CONTROLS, Control};

    #[test]
    fn every_control_has_its_own_id_and_title() {
        for (n, control) in CONTROLS.iter().enumerate() {
            let before = &CONTROLS[..n];
            assert!(before.iter().all(|other| other.id != control.id), "{}", control.id);
            assert!(before.iter().all(|other| other.title != control.title), "{}", control.title);
            assert!(control.references().count() > 0, "{}", control.id);
        }
    }

    #[test]
    fn every_reference_is_of_a_number_that_exists() {
        for reference in CONTROLS.iter().flat_map(Control::references) {
            assert!(exists(&reference), "{reference}");
        }
        for wrong in ["HIPAA 164.999", "SOC 2 CC6.9", "ISO 27001 A.8.35", "ISO 27001 A.5.0", "GDPR Art. 100"]
        {
            assert!(!exists(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_several_controls_answer_is_named_once() {
        let one = Control::references_of(["T1"]);
        assert_eq!(one.first().unwrap(), "HIPAA 164.312(a)(1)");
        let both = Control::references_of(["T1", "T4"]);
        assert_eq!(both.len(), one.len(), "T4 adds nothing to T1");
        assert!(Control::references_of(["nothing"]).is_empty());
    }

    fn exists(reference: &str) -> bool {
        let (standard, number) = reference.rsplit_once(['.', ' ']).unwrap();
        let whole = |text: &str| text.split('(').next().unwrap().parse::<u32>().unwrap();
        match reference.split(' ').next().unwrap() {
            "HIPAA" => matches!(whole(number), 308 | 310 | 312 | 314 | 316 | 404..=414 | 502..=528),
            "GDPR" => (1..=99).contains(&whole(number)),
            "ISO" => {
                let last = match standard.rsplit('.').next().unwrap() {
                    "5" => 37,
                    "6" => 8,
                    "7" => 14,
                    "8" => 34,
                    _ => return false,
                };
                (1..=last).contains(&whole(number))
            }
            _ => {
                const CRITERIA: [(&str, u32); 20] = [
                    ("CC1", 5),
                    ("CC2", 3),
                    ("CC3", 4),
                    ("CC4", 2),
                    ("CC5", 3),
                    ("CC6", 8),
                    ("CC7", 5),
                    ("CC8", 1),
                    ("CC9", 2),
                    ("A1", 3),
                    ("C1", 2),
                    ("PI1", 5),
                    ("P1", 1),
                    ("P2", 1),
                    ("P3", 2),
                    ("P4", 3),
                    ("P5", 2),
                    ("P6", 7),
                    ("P7", 1),
                    ("P8", 1),
                ];
                let series = standard.rsplit(' ').next().unwrap();
                CRITERIA.iter().any(|(name, last)| *name == series && (1..=*last).contains(&whole(number)))
            }
        }
    }
}
