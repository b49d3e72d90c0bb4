//! What somebody may have meant who wrote a name that there is not.

/// The name in `names` that is most like `name`, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.into_iter().map(|other| (strsim::normalized_damerau_levenshtein(name, other), other));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness >= 0.4).map(|(_, other)| other)
}
