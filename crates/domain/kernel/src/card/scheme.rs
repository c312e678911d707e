/// Who issues which numbers: the first and the last prefix, and how many digits the numbers have, as the schemes publish
/// it and as <https://en.wikipedia.org/wiki/Payment_card_number> gathers it (read in November 2026). Maestro's numbers of
/// fewer than 16 digits are left out, since one other number in ten would be taken for one.
const ISSUED: [(u32, u32, &[usize]); 25] = [
    (4, 4, &[13, 16, 19]),                   // Visa
    (51, 55, &[16]),                         // Mastercard
    (2221, 2720, &[16]),                     // Mastercard
    (34, 34, &[15]),                         // American Express
    (37, 37, &[15]),                         // American Express
    (300, 305, &[14, 15, 16, 17, 18, 19]),   // Diners Club
    (3095, 3095, &[14, 15, 16, 17, 18, 19]), // Diners Club
    (36, 36, &[14, 15, 16, 17, 18, 19]),     // Diners Club
    (38, 39, &[14, 15, 16, 17, 18, 19]),     // Diners Club
    (3528, 3589, &[16, 17, 18, 19]),         // JCB, RuPay
    (6011, 6011, &[16, 17, 18, 19]),         // Discover
    (644, 649, &[16, 17, 18, 19]),           // Discover
    (65, 65, &[16, 17, 18, 19]),             // Discover, RuPay
    (62, 62, &[16, 17, 18, 19]),             // UnionPay
    (81, 82, &[16, 17, 18, 19]),             // UnionPay, RuPay
    (2200, 2204, &[16, 17, 18, 19]),         // Mir
    (2205, 2205, &[16]),                     // Borica
    (50, 50, &[16, 17, 18, 19]),             // Maestro, RuPay, Verve
    (56, 58, &[16, 17, 18, 19]),             // Maestro
    (60, 61, &[16, 17, 18, 19]),             // Maestro, RuPay
    (63, 64, &[16, 17, 18, 19]),             // Maestro
    (66, 69, &[16, 17, 18, 19]),             // Maestro
    (8600, 8600, &[16]),                     // UzCard
    (9792, 9792, &[16]),                     // Troy
    (9860, 9860, &[16]),                     // Humo
];

/// Whether a scheme issues numbers that begin so and have as many digits.
pub(super) fn is_issued(digits: &[u8]) -> bool {
    ISSUED.iter().any(|(first, last, lengths)| {
        let width = first.ilog10() as usize + 1;
        let prefix = digits.iter().take(width).fold(0, |n, digit| n * 10 + u32::from(*digit));
        (first..=last).contains(&&prefix) && lengths.contains(&digits.len())
    })
}

/// One number of each scheme's first and last prefix, at each of its lengths.
#[cfg(test)]
pub(super) fn samples() -> impl Iterator<Item = String> {
    ISSUED.into_iter().flat_map(|(first, last, lengths)| {
        lengths.iter().flat_map(move |length| [first, last].map(|prefix| sample(prefix, *length)))
    })
}

#[cfg(test)]
fn sample(prefix: u32, length: usize) -> String {
    let body = format!("{prefix:0<width$}", width = length - 1);
    let checked = |whole: &String| super::is_luhn(whole.chars().filter_map(|digit| digit.to_digit(10)));
    (0..10).map(|check| format!("{body}{check}")).find(checked).unwrap()
}
