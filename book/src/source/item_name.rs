//! What an item is called: the names under which an author may ask for it.
//!
//! A plain item has its path. An `impl` block is called by its head, with the generics as they are written or, since
//! they are noise in most places, without: `impl Log for NaiveLog`. Its members are called `Type::member`, and
//! `<Type as Trait>::member` where that is not enough.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The names of an `impl` block: with generics, and without.
pub(crate) fn of_impl(block: &syn::ItemImpl) -> Vec<String> {
    let name = |show: fn(&dyn Show) -> String| match &block.trait_ {
        Some((path, _)) => format!("impl {} for {}", show(path), show(&*block.self_ty)),
        None => format!("impl {}", show(&*block.self_ty)),
    };
    unique(vec![name(|part| part.short()), name(|part| part.full())])
}

/// The names of a member of an `impl` block.
pub(crate) fn of_member(block: &syn::ItemImpl, member: &str) -> Vec<String> {
    let name = |show: fn(&dyn Show) -> String| match &block.trait_ {
        Some((path, _)) => format!("<{} as {}>::{member}", show(&*block.self_ty), show(path)),
        None => format!("<{}>::{member}", show(&*block.self_ty)),
    };
    let plain = format!("{}::{member}", block.self_ty.short());
    unique(vec![plain, name(|part| part.short()), name(|part| part.full())])
}

/// The name of a macro, or of a call of one: `number!(BrokerId)`, the macro and the first word that it is given.
pub(crate) fn of_macro(item: &syn::ItemMacro) -> String {
    let mut given = item.mac.tokens.clone().into_iter();
    let word = given.find_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    match &item.ident {
        Some(name) => name.to_string(),
        None => format!("{}!({})", item.mac.path.short(), word.unwrap_or_default()),
    }
}

/// The names that `path`, as an author wrote it behind the package's name, can stand for.
pub(crate) fn of_path(path: &str) -> Vec<String> {
    // The last segment that is no plain word starts the part to understand: `naive::` + `impl Log for NaiveLog<F>`.
    let start = path.find(['<']).into_iter().chain(path.find("impl ")).chain(path.find("impl<")).min();
    let Some(start) = start else { return vec![spaceless(path)] };
    let start = path[..start].rfind("::").map_or(0, |colons| colons + 2);
    let (module, rest) = path.split_at(start);
    let names = if rest.starts_with("impl") {
        syn::parse_str::<syn::ItemImpl>(&format!("{rest} {{}}")).ok().map(|block| of_impl(&block))
    } else {
        syn::parse_str::<syn::TypePath>(rest).ok().and_then(|path| of_qualified(&path))
    };
    let names = names.unwrap_or_else(|| vec![spaceless(rest)]);
    // Who writes generics means them; who leaves them out has a single name here.
    names.last().map(|name| format!("{module}{name}")).into_iter().collect()
}

/// `<Type as Trait>::member` or `<Type>::member`.
fn of_qualified(path: &syn::TypePath) -> Option<Vec<String>> {
    let own = path.qself.as_ref()?;
    let segments: Vec<String> = path.path.segments.iter().map(|s| text(s.to_token_stream())).collect();
    let member = segments.last()?;
    let kind = match segments.get(..own.position).and_then(<[String]>::last) {
        Some(name) => format!("<{} as {name}>::{member}", own.ty.full()),
        None => format!("<{}>::{member}", own.ty.full()),
    };
    Some(vec![kind])
}

/// A type or trait as it is called in a name.
trait Show {
    /// The last word of its path, without generics.
    fn short(&self) -> String;
    /// The last word of its path, with generics.
    fn full(&self) -> String;
}

impl Show for syn::Path {
    fn short(&self) -> String {
        self.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
    }

    fn full(&self) -> String {
        self.segments.last().map(|segment| text(segment.to_token_stream())).unwrap_or_default()
    }
}

impl Show for syn::Type {
    fn short(&self) -> String {
        match self {
            syn::Type::Path(path) => path.path.short(),
            syn::Type::Reference(reference) => reference.elem.short(),
            other => text(other.to_token_stream()),
        }
    }

    fn full(&self) -> String {
        match self {
            syn::Type::Path(path) => path.path.full(),
            other => text(other.to_token_stream()),
        }
    }
}

/// The tokens in one spelling: a space between words and behind commas, none elsewhere.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut out = String::new();
    append(tokens, &mut out);
    out
}

fn append(tokens: TokenStream, out: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let whole = group.delimiter();
                let (open, close) = match whole {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                out.push_str(open);
                append(group.stream(), out);
                out.push_str(close);
            }
            TokenTree::Punct(mark) => {
                out.push(mark.as_char());
                if mark.as_char() == ',' && mark.spacing() == Spacing::Alone {
                    out.push(' ');
                }
            }
            word => {
                if out.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    out.push(' ');
                }
                out.push_str(&word.to_string());
            }
        }
    }
}

fn spaceless(path: &str) -> String {
    path.split_whitespace().collect()
}

fn unique(mut names: Vec<String>) -> Vec<String> {
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impl_block_is_called_with_its_generics_or_without() {
        let block: syn::ItemImpl = syn::parse_str("impl<F: Format> fmt::Display for Log<F, u8> {}").unwrap();
        assert_eq!(of_impl(&block), ["impl Display for Log", "impl Display for Log<F, u8>"]);
        let plain: syn::ItemImpl = syn::parse_str("impl Offset {}").unwrap();
        assert_eq!(of_impl(&plain), ["impl Offset"]);
    }

    #[test]
    fn a_call_of_a_macro_is_called_by_the_first_word_that_it_is_given() {
        let call = |text| of_macro(&syn::parse_str(text).unwrap());
        assert_eq!(call("number!(/** Words. */ BrokerId(u32), \"broker \");"), "number!(BrokerId)");
        assert_eq!(call("macro_rules! number { () => {} }"), "number");
        assert_eq!(of_path("ids::number!(BrokerId)"), ["ids::number!(BrokerId)"]);
    }

    #[test]
    fn a_path_is_read_in_every_spelling() {
        for (written, name) in [
            ("naive::NaiveLog::append", "naive::NaiveLog::append"),
            ("naive::impl Log for NaiveLog", "naive::impl Log for NaiveLog"),
            ("naive::impl<F: Format> Log for NaiveLog<F>", "naive::impl Log for NaiveLog<F>"),
            ("offset::impl fmt::Display for Offset", "offset::impl Display for Offset"),
            ("naive::<NaiveLog as Log>::append", "naive::<NaiveLog as Log>::append"),
            ("naive::<NaiveLog<F> as log::Log>::append", "naive::<NaiveLog<F> as Log>::append"),
            ("naive::<NaiveLog>::append", "naive::<NaiveLog>::append"),
            ("impl From<io::Error> for Error", "impl From<io::Error> for Error"),
        ] {
            assert_eq!(of_path(written), [name], "{written}");
        }
    }
}
