use crate::command::Stop;

/// What a command was given: everything that any of them takes.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Options {
    pub(crate) operands: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) witnesses: Vec<String>,
    pub(crate) quorum: Option<usize>,
    pub(crate) entry: Option<String>,
    pub(crate) export: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) api_key_file: Option<String>,
    pub(crate) full: bool,
    pub(crate) json: bool,
}

impl Options {
    /// Reads those that the command takes, and so many operands.
    pub(crate) fn parse(arguments: &[String], taken: &[&str], operands: usize) -> Result<Self, Stop> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with("--") {
                options.operands.push(argument.clone());
                continue;
            }
            let (name, attached) =
                argument.split_once('=').map_or((&**argument, None), |(n, v)| (n, Some(v.to_owned())));
            if !taken.contains(&name) {
                return Err(Stop::Usage(format!("`{name}` is not an option of this command")));
            }
            let missing = || Stop::Usage(format!("`{name}` needs a value"));
            let mut value = || attached.clone().or_else(|| rest.next().cloned()).ok_or_else(missing);
            match name {
                "--key" => options.keys.push(value()?),
                "--witness" => options.witnesses.push(value()?),
                "--quorum" => options.quorum = Some(number(&value()?)?),
                "--entry" => options.entry = Some(value()?),
                "--export" => options.export = Some(value()?),
                "--state" => options.state = Some(value()?),
                "--since" => options.since = Some(value()?),
                "--url" => options.url = Some(value()?),
                "--api-key-file" => options.api_key_file = Some(value()?),
                "--full" => options.full = true,
                _ => options.json = true,
            }
        }
        if options.operands.len() == operands {
            Ok(options)
        } else {
            Err(Stop::Usage(format!(
                "this command takes {operands} operand(s), not {}",
                options.operands.len()
            )))
        }
    }

    pub(crate) fn operand(&self) -> &str {
        self.operands.first().map_or("", String::as_str)
    }
}

/// Digits without a sign or a leading zero.
fn number(text: &str) -> Result<usize, Stop> {
    let is_plain = text == "0" || !text.starts_with(['+', '0']);
    let number = text.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| Stop::Usage("`--quorum` needs a number".into()))
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let taken = ["--key", "--quorum", "--json"];
        Options::parse(&arguments, &taken, 1).map_err(|stop| stop.to_string())
    }

    #[test]
    fn options_are_read_in_both_spellings_wherever_they_stand() {
        let options = parse("--key a file --key=b --quorum 2 --json").unwrap();
        assert_eq!(options.keys, ["a", "b"]);
        assert_eq!((options.operand(), options.quorum, options.json), ("file", Some(2), true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("file --key").unwrap_err().contains("`--key`"));
        assert!(parse("file --quorum many").unwrap_err().contains("`--quorum`"));
        assert!(parse("file --full").unwrap_err().contains("`--full`"));
        assert!(parse("").unwrap_err().contains("1 operand"));
        assert!(parse("one two").unwrap_err().contains("1 operand"));
    }
}
