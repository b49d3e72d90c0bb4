//! The items of one source file: their names, and the lines that they fill.

use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use proc_macro2::Span;
use syn::spanned::Spanned;

use crate::source::item_name;

/// An item, and where it stands. Lines are counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The names under which an author may ask for it, in its package; the first one is for messages.
    pub(crate) names: Vec<String>,
    /// All of it, from its doc comment or attribute on.
    pub(crate) lines: RangeInclusive<usize>,
    /// Where the brace of its body is, as line and column, if it has one.
    pub(crate) body: Option<(usize, usize)>,
    /// Where it ends, as the line and the column behind it. Where it has a body, that is behind the body's brace.
    pub(crate) end: (usize, usize),
    /// What stands around it: the lines of the head and the end of an `impl` block, trait or enum.
    pub(crate) frame: Vec<usize>,
    /// Whether it is compiled on some machines alone. Several such items may have one name.
    pub(crate) is_conditional: bool,
    /// Whether it is compiled for tests alone.
    pub(crate) is_test: bool,
}

impl Item {
    /// Whether it stands in a block that is not about a trait.
    pub(crate) fn is_own_member(&self) -> bool {
        !self.frame.is_empty() && !self.names.iter().any(|name| name.contains(" as "))
    }
}

/// The items of a file, outer before inner. Imports and declarations of modules are not among them.
///
/// # Errors
///
/// The file is not Rust.
pub(crate) fn index(text: &str, module: &[String]) -> Result<Vec<Item>> {
    let file = syn::parse_file(text).context("this is not Rust")?;
    let mut index = Index { found: Vec::new(), prefix: String::new(), in_test: false };
    index.within(module.iter().map(|part| format!("{part}::")).collect(), false, &file.items);
    Ok(index.found)
}

struct Index {
    found: Vec<Item>,
    /// The path of the module that is being read, ending in `::` unless it is empty.
    prefix: String,
    in_test: bool,
}

impl Index {
    /// Reads the items of a module.
    fn within(&mut self, prefix: String, is_test: bool, items: &[syn::Item]) {
        let outside = (std::mem::replace(&mut self.prefix, prefix), self.in_test);
        self.in_test |= is_test;
        items.iter().for_each(|item| self.item(item));
        (self.prefix, self.in_test) = outside;
    }

    fn item(&mut self, item: &syn::Item) {
        use syn::Item as I;
        match item {
            I::Use(_) | I::ExternCrate(_) => {}
            I::Mod(module) => {
                let Some((brace, items)) = &module.content else { return };
                let is_test = has_cfg(&module.attrs, "test");
                let body = Some(brace.span.open());
                self.within_test(is_test, |me| {
                    me.add(vec![module.ident.to_string()], item.span(), &module.attrs, body)
                });
                self.within(format!("{}{}::", self.prefix, module.ident), is_test, items);
            }
            I::Fn(f) => {
                self.add(vec![f.sig.ident.to_string()], item.span(), &f.attrs, Some(f.block.brace_token.span.open()))
            }
            I::Struct(s) => self.add(vec![s.ident.to_string()], item.span(), &s.attrs, None),
            I::Union(u) => self.add(vec![u.ident.to_string()], item.span(), &u.attrs, None),
            I::Type(t) => self.add(vec![t.ident.to_string()], item.span(), &t.attrs, None),
            I::Const(c) => self.add(vec![c.ident.to_string()], item.span(), &c.attrs, None),
            I::Static(s) => self.add(vec![s.ident.to_string()], item.span(), &s.attrs, None),
            I::Macro(m) => {
                self.add(vec![item_name::of_macro(m)], item.span(), &m.attrs, None);
            }
            I::Enum(e) => {
                self.add(vec![e.ident.to_string()], item.span(), &e.attrs, Some(e.brace_token.span.open()));
                for variant in &e.variants {
                    let names = vec![format!("{}::{}", e.ident, variant.ident)];
                    self.add_inside(names, variant.span(), &variant.attrs, None);
                }
            }
            I::Trait(t) => self.in_trait(item, t),
            I::Impl(block) => self.in_impl(item, block),
            _ => {}
        }
    }

    fn in_trait(&mut self, item: &syn::Item, t: &syn::ItemTrait) {
        self.add(vec![t.ident.to_string()], item.span(), &t.attrs, Some(t.brace_token.span.open()));
        for member in &t.items {
            use syn::TraitItem as I;
            let (name, attrs, body) = match member {
                I::Fn(f) => (&f.sig.ident, &f.attrs, f.default.as_ref().map(|b| b.brace_token.span.open())),
                I::Const(c) => (&c.ident, &c.attrs, None),
                I::Type(t) => (&t.ident, &t.attrs, None),
                _ => continue,
            };
            self.add_inside(vec![format!("{}::{name}", t.ident)], member.span(), attrs, body);
        }
    }

    fn in_impl(&mut self, item: &syn::Item, block: &syn::ItemImpl) {
        self.add(item_name::of_impl(block), item.span(), &block.attrs, Some(block.brace_token.span.open()));
        for member in &block.items {
            use syn::ImplItem as I;
            let (name, attrs, body) = match member {
                I::Fn(f) => (&f.sig.ident, &f.attrs, Some(f.block.brace_token.span.open())),
                I::Const(c) => (&c.ident, &c.attrs, None),
                I::Type(t) => (&t.ident, &t.attrs, None),
                _ => continue,
            };
            self.add_inside(item_name::of_member(block, &name.to_string()), member.span(), attrs, body);
        }
    }

    fn add(&mut self, names: Vec<String>, span: Span, attrs: &[syn::Attribute], body: Option<Span>) {
        let body = body.map(|brace| (brace.start().line, brace.start().column));
        self.found.push(Item {
            names: names.into_iter().map(|name| format!("{}{name}", self.prefix)).collect(),
            lines: span.start().line..=span.end().line,
            body,
            end: (span.end().line, span.end().column),
            frame: Vec::new(),
            is_conditional: attrs.iter().any(|attr| attr.path().is_ident("cfg")),
            is_test: self.in_test || has_cfg(attrs, "test"),
        });
    }

    /// Adds a member of the last item that was added and is no member itself.
    fn add_inside(&mut self, names: Vec<String>, span: Span, attrs: &[syn::Attribute], body: Option<Span>) {
        let outer = self.found.iter().rev().find(|item| item.frame.is_empty()).expect("its block was added before it");
        let (head_end, _) = outer.body.expect("a block has a brace");
        let frame = (*outer.lines.start()..=head_end).chain([*outer.lines.end()]).collect();
        let is_test = outer.is_test;
        self.add(names, span, attrs, body);
        let added = self.found.last_mut().expect("it was added just now");
        added.frame = frame;
        added.is_test |= is_test;
    }

    fn within_test(&mut self, is_test: bool, add: impl FnOnce(&mut Index)) {
        let outside = self.in_test;
        self.in_test |= is_test;
        add(self);
        self.in_test = outside;
    }
}

/// Whether the attributes hold `#[cfg(word)]`.
fn has_cfg(attrs: &[syn::Attribute], word: &str) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("cfg") && attr.parse_args::<syn::Ident>().is_ok_and(|is| is == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! A file.
use std::fmt;
mod other;

/// A log.
#[derive(Debug)]
pub struct Log<F> {
    f: F,
}

impl<F> Log<F> {
    /// Opens it.
    pub fn open() -> Self {
        todo()
    }
}

impl<F> fmt::Display for Log<F> {
    fn fmt(&self) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_opens() {}
}
";

    fn lines_of(name: &str) -> RangeInclusive<usize> {
        let items = index(TEXT, &["naive".to_string()]).unwrap();
        let found: Vec<_> = items.iter().filter(|item| item.names.iter().any(|known| known == name)).collect();
        assert_eq!(found.len(), 1, "{name} in {items:#?}");
        found[0].lines.clone()
    }

    #[test]
    fn an_item_starts_with_its_docs_and_attributes() {
        assert_eq!(lines_of("naive::Log"), 5..=9);
        assert_eq!(lines_of("naive::Log::open"), 12..=15);
        assert_eq!(lines_of("naive::<Log as Display>::fmt"), 19..=19);
        assert_eq!(lines_of("naive::impl Display for Log<F>"), 18..=20);
        assert_eq!(lines_of("naive::tests::it_opens"), 24..=25);
    }

    #[test]
    fn a_member_knows_the_block_around_it_and_tests_know_that_they_are_tests() {
        let items = index(TEXT, &[]).unwrap();
        let open = items.iter().find(|item| item.names[0] == "Log::open").unwrap();
        assert_eq!(open.frame, [11, 16]);
        assert_eq!(open.body, Some((13, 26)));
        let tests: Vec<_> = items.iter().filter(|item| item.is_test).map(|item| item.names[0].as_str()).collect();
        assert_eq!(tests, ["tests", "tests::it_opens"]);
    }
}
