//! The directives that an author writes in Markdown: `{{#name arguments}}`, each on a line of its own.

use crate::source::nearest::nearest;

/// One directive, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// Quotes an item of a crate.
    Item { path: String, docs: bool, signature: bool },
    /// Inlines a drawing.
    Drawing { file: String, alt: String },
    /// Inserts something that is made.
    Exhibit(Exhibit),
    /// How much of each stage the book quotes.
    Coverage,
    /// The parts of a stage's exercises: of the chapter's own stage, if none is named.
    Exercises { stage: Option<String> },
    /// The bugs of the zoo: all, or those of one stage.
    Zoo { stage: Option<String> },
}

/// Something that is made and not quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exhibit {
    /// A table of measured numbers, for the stages up to one of them.
    Table { selection: Vec<String>, up_to: Option<String> },
    /// The same as a drawing.
    Chart { selection: Vec<String>, up_to: Option<String> },
    /// The matrix of promises and stages.
    Promises,
    /// What each preset of the durability spectrum loses, and how fast it is.
    Spectrum,
    /// The bytes that a stage writes, explained.
    Hexdump { stage: String, file: String },
    /// What a crash at each operation leaves.
    Crashmap { stage: String, scenario: String },
}

/// How each directive is written, for messages.
const FORMS: [(&str, &str); 11] = [
    ("item", "{{#item CRATE::PATH}}, with `nodoc` or `sig` behind the path if wanted"),
    ("drawing", "{{#drawing img/NAME.svg \"what the drawing says, in words\"}}"),
    ("table", "{{#table WORKLOADS}} or {{#table WORKLOADS STAGE}}"),
    ("chart", "{{#chart WORKLOADS}} or {{#chart WORKLOADS STAGE}}"),
    ("promises", "{{#promises}}"),
    ("spectrum", "{{#spectrum}}"),
    ("hexdump", "{{#hexdump STAGE FILE}}"),
    ("crashmap", "{{#crashmap STAGE SCENARIO}}"),
    ("coverage", "{{#coverage}}"),
    ("exercises", "{{#exercises}} in the chapter of a stage, or {{#exercises STAGE}}"),
    ("zoo", "{{#zoo}} or {{#zoo STAGE}}"),
];

impl Directive {
    /// Reads a directive from `text`, a line without the white space around it.
    ///
    /// # Errors
    ///
    /// What is wrong with it and how it is written, in one sentence.
    pub(crate) fn parse(text: &str) -> Result<Directive, String> {
        let inner = text.strip_prefix("{{#").and_then(|rest| rest.strip_suffix("}}"));
        let inner = inner.ok_or("a directive begins with `{{#`, ends with `}}` and fills one line")?.trim();
        let (name, arguments) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == name) else {
            let names = FORMS.iter().map(|(known, _)| *known);
            let hint = nearest(name, names.clone()).map(|near| format!("; did you mean `{near}`?"));
            let all = names.collect::<Vec<_>>().join(", ");
            return Err(format!("unknown directive `{name}`{}; there are {all}", hint.unwrap_or_default()));
        };
        Directive::with_arguments(name, arguments.trim()).ok_or_else(|| format!("this is written {form}"))
    }

    fn with_arguments(name: &str, arguments: &str) -> Option<Directive> {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        Some(match (name, words.as_slice()) {
            ("item", words) => return item(words),
            ("drawing", _) => return drawing(arguments),
            ("table" | "chart", [selection @ .., last]) => {
                let (selection, up_to) = match is_stage(last) {
                    true => (selection, Some(last.to_string())),
                    false => (words.as_slice(), None),
                };
                let selection: Vec<String> = selection.iter().map(|word| word.to_string()).collect();
                match name {
                    _ if selection.is_empty() => return None,
                    "table" => Directive::Exhibit(Exhibit::Table { selection, up_to }),
                    _ => Directive::Exhibit(Exhibit::Chart { selection, up_to }),
                }
            }
            ("promises", []) => Directive::Exhibit(Exhibit::Promises),
            ("spectrum", []) => Directive::Exhibit(Exhibit::Spectrum),
            ("hexdump", [stage, file]) => {
                Directive::Exhibit(Exhibit::Hexdump { stage: stage.to_string(), file: file.to_string() })
            }
            ("crashmap", [stage, scenario]) => {
                Directive::Exhibit(Exhibit::Crashmap { stage: stage.to_string(), scenario: scenario.to_string() })
            }
            ("coverage", []) => Directive::Coverage,
            ("exercises", []) => Directive::Exercises { stage: None },
            ("exercises", [stage]) if is_stage(stage) => Directive::Exercises { stage: Some(stage.to_string()) },
            ("zoo", []) => Directive::Zoo { stage: None },
            ("zoo", [stage]) if is_stage(stage) => Directive::Zoo { stage: Some(stage.to_string()) },
            _ => return None,
        })
    }
}

/// Whether a word is the name of a stage: `stage01`.
pub(crate) fn is_stage(word: &str) -> bool {
    word.strip_prefix("stage").is_some_and(|number| number.len() == 2 && number.chars().all(|c| c.is_ascii_digit()))
}

/// A path may hold spaces, as `impl Log for NaiveLog` does; the options are the words behind it.
fn item(words: &[&str]) -> Option<Directive> {
    let (mut docs, mut signature) = (true, false);
    let mut path = words;
    while let [rest @ .., option @ ("nodoc" | "sig")] = path {
        docs &= *option != "nodoc";
        signature |= *option == "sig";
        path = rest;
    }
    let path = path.join(" ");
    (!path.is_empty()).then_some(Directive::Item { path, docs, signature })
}

fn drawing(arguments: &str) -> Option<Directive> {
    let (file, alt) = arguments.split_once(char::is_whitespace)?;
    let alt = alt.trim().strip_prefix('"')?.strip_suffix('"')?.trim();
    (!alt.is_empty()).then(|| Directive::Drawing { file: file.to_string(), alt: alt.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_path_may_hold_spaces_and_options_follow_it() {
        let parsed = Directive::parse("{{#item stage01::naive::impl Log for NaiveLog nodoc sig}}").unwrap();
        let path = "stage01::naive::impl Log for NaiveLog".to_string();
        assert_eq!(parsed, Directive::Item { path, docs: false, signature: true });
    }

    #[test]
    fn a_drawing_needs_its_words() {
        let good = Directive::parse("{{#drawing img/a.svg \"A \"page\" of lines\"}}").unwrap();
        assert_eq!(good, Directive::Drawing { file: "img/a.svg".into(), alt: "A \"page\" of lines".into() });
        for bad in ["{{#drawing img/a.svg}}", "{{#drawing img/a.svg \"\"}}", "{{#drawing img/a.svg \"  \"}}"] {
            let said = Directive::parse(bad).unwrap_err();
            assert!(said.contains("what the drawing says"), "{bad}: {said}");
        }
    }

    #[test]
    fn a_table_names_workloads_and_perhaps_the_last_stage() {
        let table = Directive::parse("{{#table append scan stage02}}").unwrap();
        let selection = vec!["append".to_string(), "scan".to_string()];
        let expected = Exhibit::Table { selection: selection.clone(), up_to: Some("stage02".to_string()) };
        assert_eq!(table, Directive::Exhibit(expected));
        let chart = Directive::parse("{{#chart append scan}}").unwrap();
        assert_eq!(chart, Directive::Exhibit(Exhibit::Chart { selection, up_to: None }));
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one_and_bad_arguments_get_the_form() {
        let said = Directive::parse("{{#itme stage01::A}}").unwrap_err();
        assert!(said.contains("unknown directive `itme`; did you mean `item`?"), "{said}");
        for bad in [
            "{{#hexdump stage01}}",
            "{{#promises now}}",
            "{{#item nodoc}}",
            "{{#table}}",
            "{{#chart stage01}}",
            "{{#zoo 2}}",
        ] {
            let said = Directive::parse(bad).unwrap_err();
            assert!(said.starts_with("this is written {{#"), "{bad}: {said}");
        }
        assert!(Directive::parse("{{#promises}} and more").unwrap_err().contains("fills one line"));
    }
}
