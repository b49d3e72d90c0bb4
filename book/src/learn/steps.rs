//! Where a learner is, and what the next step is.

use std::path::Path;

use anyhow::Result;

use crate::exercises::spec::{Part, Spec};
use crate::exercises::state::State;
use crate::exercises::subtract::Sources;
use crate::paths;

/// The parts, by number, of which no function has been touched.
pub(crate) fn untouched(spec: &Spec, state: &State, sources: &Sources) -> Vec<u32> {
    let is_starter =
        |item: &str| sources.fingerprint(item).is_ok_and(|(name, body)| state.starter.get(&name) == Some(&body));
    let parts = spec.parts.iter().filter(|part| part.functions.iter().all(|function| is_starter(&function.item)));
    parts.map(|part| part.id.part).collect()
}

/// What to do in order to begin a part, or to go on with one that was begun.
pub(crate) fn next_step(part: &Part, copy: &Path, is_begun: bool) -> Result<String> {
    let when = if is_begun { "which you have begun".to_string() } else { format!("about {} minutes", part.minutes) };
    let mut text = format!("Next: part {}, “{}”, {when}.\n", part.id, part.title);
    let sections = part.sections.join("”, “");
    text += &format!("  read   “{sections}” in the chapter of stage {}\n", part.id.stage);
    if part.is_debugging() {
        text += "  find   the bug that this stage's copy has; all else in it is right\n";
    } else {
        let sources = Sources::read(copy).ok();
        for function in &part.functions {
            let place = sources
                .as_ref()
                .and_then(|sources| sources.spot(&function.item).ok())
                .map_or_else(String::new, |spot| {
                    format!(" ({}:{})", paths::short(&copy.join(spot.file)), spot.brace_line)
                });
            text += &format!("  write  {}{place}\n", function.item);
        }
    }
    text += &format!("  then   cargo course check {}", part.id);
    if is_begun {
        text += &format!("\n  stuck  cargo course hint {}", part.id);
    }
    Ok(text)
}
