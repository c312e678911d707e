use crate::fields::FieldSpec;
use crate::format::{
    Format, is_account_number, is_cpf, is_dea, is_national_insurance, is_nhs, is_npi, is_sort_code,
};

/// A kind of record, and the fields it may have. All are sealed.
#[derive(Clone, Debug)]
pub struct Category {
    /// What the API calls it.
    pub name: &'static str,
    /// Its fields.
    pub fields: Vec<FieldSpec>,
}

/// Which fields subjects and records may have: Ward's own, and whatever a product adds.
#[derive(Clone, Debug)]
pub struct Catalogue {
    subject: Vec<FieldSpec>,
    categories: Vec<Category>,
}

impl Catalogue {
    /// What Ward knows.
    pub fn standard() -> Self {
        let field = FieldSpec::new;
        let subject = vec![
            field("given_name", Format::Line(100)),
            field("family_name", Format::Line(100)),
            field("preferred_name", Format::Line(100)),
            field("email", Format::Email),
            field("phone", Format::Phone),
            field("date_of_birth", Format::Date),
            field("postal_address.street", Format::Line(200)),
            field("postal_address.city", Format::Line(200)),
            field("postal_address.state", Format::Line(200)),
            field("postal_address.postal_code", Format::Line(200)),
            field("postal_address.country", Format::Line(200)),
            field("gender", Format::Line(50)),
            field("language", Format::Line(35)),
        ];
        let category = |name, fields: &[FieldSpec]| Category { name, fields: fields.to_vec() };
        let categories = vec![
            category(
                "credentials",
                &[
                    field("profession", Format::Line(100)),
                    field("npi", Format::Issued(is_npi)),
                    field("dea", Format::Issued(is_dea)),
                    field("license_state", Format::Line(10)),
                    field("license_number", Format::Line(50)),
                    field("license_expires", Format::Date),
                ],
            ),
            category(
                "employment",
                &[
                    field("role", Format::Line(100)),
                    field("started_on", Format::Date),
                    field("left_on", Format::Date),
                ],
            ),
            category(
                "payroll",
                &[
                    field("salary_gbp", Format::Amount),
                    field("national_insurance", Format::Issued(is_national_insurance)),
                    field("sort_code", Format::Issued(is_sort_code)),
                    field("account_number", Format::Issued(is_account_number)),
                ],
            ),
            category(
                "identifiers",
                &[
                    field("cpf", Format::Issued(is_cpf)),
                    field("nhs_number", Format::Issued(is_nhs)),
                    field("medical_record_number", Format::Line(50)),
                ],
            ),
            category(
                "clinical_note",
                &[field("title", Format::Line(200)), field("text", Format::Prose(20_000))],
            ),
        ];
        Self { subject, categories }
    }

    /// The same, with another category of records.
    pub fn with(mut self, category: Category) -> Self {
        self.categories.retain(|known| known.name != category.name);
        self.categories.push(category);
        self
    }

    /// The fields of subjects.
    pub fn subject(&self) -> &[FieldSpec] {
        &self.subject
    }

    /// The category of that name.
    pub fn category(&self, name: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.name == name)
    }

    /// All categories.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }
}
