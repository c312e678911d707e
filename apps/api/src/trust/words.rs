//! What the page calls each status, and what it means by it.

use super::ClaimStatus;
use super::html::escape;

/// Every status, the most pressing first.
const ALL: [ClaimStatus; 10] = [
    ClaimStatus::Failing,
    ClaimStatus::Overdue,
    ClaimStatus::Stale,
    ClaimStatus::Degraded,
    ClaimStatus::Active,
    ClaimStatus::Attested,
    ClaimStatus::Inherited,
    ClaimStatus::Available,
    ClaimStatus::InProgress,
    ClaimStatus::Roadmap,
];

/// How a row looks, which its words say too.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Tone {
    /// Kept, as a check sees.
    Good,
    /// Kept, as a document says.
    Paper,
    /// Not claimed.
    Open,
    /// Kept with a caveat, or not seen lately.
    Warn,
    /// Broken.
    Bad,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Paper => "paper",
            Self::Open => "open",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl ClaimStatus {
    /// What the page calls it, and what that means.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Failing => {
                ("Failing", "The last run of its check saw the promise broken, or could not look.")
            }
            Self::Overdue => {
                ("Overdue", "Its document has expired, or the date it was planned for has passed.")
            }
            Self::Stale => ("Stale", "Its check has not run in time, so nobody knows whether it holds."),
            Self::Degraded => ("Degraded", "Its check passed, with a caveat."),
            Self::Active => {
                ("Active", "Its check ran against this live system and passed, and that run still counts.")
            }
            Self::Attested => ("Attested", "A document of ours says so, until the day the row names."),
            Self::Inherited => ("Inherited", "A provider's document says so, until the day the row names."),
            Self::Available => ("Available", "Offered to whoever asks; no check stands behind it."),
            Self::InProgress => ("In progress", "Being built; not claimed as kept."),
            Self::Roadmap => ("On roadmap", "Planned for the day the row names; not claimed as kept."),
        }
    }

    pub(super) fn means(self) -> &'static str {
        self.told().1
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Active => Tone::Good,
            Self::Attested | Self::Inherited => Tone::Paper,
            Self::Available | Self::InProgress | Self::Roadmap => Tone::Open,
            Self::Degraded | Self::Stale => Tone::Warn,
            Self::Failing | Self::Overdue => Tone::Bad,
        }
    }

    pub(super) fn needs_attention(self) -> bool {
        self.tone() >= Tone::Warn
    }

    /// Whether somebody or something vouches for it now.
    pub(super) fn is_kept(self) -> bool {
        matches!(self, Self::Active | Self::Degraded | Self::Attested | Self::Inherited)
    }

    pub(super) fn badge(self) -> String {
        format!("<span class=\"status {}\">{}</span>", self.tone().class(), self.told().0)
    }
}

/// What every word means.
pub(super) fn legend() -> String {
    let row = |status: ClaimStatus| format!("<dt>{}</dt><dd>{}</dd>", status.badge(), escape(status.means()));
    let rows: String = ALL.into_iter().map(row).collect();
    format!(
        "<section aria-labelledby=\"Words\"><h2 id=\"Words\">What each word means</h2><dl class=\"legend\">{rows}</dl></section>"
    )
}
