//! What a browser finds in one page of HTML, as far as the checks need it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// The parts of a page that can be wrong.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Where links into the page can point.
    pub(crate) ids: BTreeSet<String>,
    /// The names that two elements have: a link to them is ambiguous.
    pub(crate) ids_twice: BTreeSet<String>,
    /// The targets of links.
    pub(crate) links: Vec<String>,
    /// What the browser loads by itself: scripts, styles, fonts, images, frames.
    pub(crate) requests: Vec<String>,
    /// Images without a text.
    pub(crate) mute: Vec<String>,
}

impl Page {
    /// Reads a page. HTML that no browser would refuse is not refused here either.
    pub(crate) fn read(html: &str) -> Page {
        let queue = BufferQueue::default();
        queue.push_back(StrTendril::from(html));
        let tokenizer = Tokenizer::new(Reader::default(), TokenizerOpts::default());
        // The only other result asks to run a script, and nothing here runs scripts.
        let _done = tokenizer.feed(&queue);
        tokenizer.end();
        tokenizer.sink.0.into_inner()
    }

    fn element(&mut self, tag: &Tag) {
        let attr =
            |name: &str| tag.attrs.iter().find(|attr| *attr.name.local == *name).map(|attr| attr.value.to_string());
        if let Some(id) = attr("id")
            && !self.ids.insert(id.clone())
        {
            self.ids_twice.insert(id);
        }
        let loads = match &*tag.name {
            "a" => {
                self.links.extend(attr("href"));
                self.ids.extend(attr("name"));
                None
            }
            "img" | "script" | "iframe" | "source" | "video" | "audio" | "embed" | "track" => attr("src"),
            "link" => attr("href"),
            "object" => attr("data"),
            "image" | "use" => attr("href").or_else(|| attr("xlink:href")),
            _ => None,
        };
        self.requests.extend(loads);
        self.requests.extend(attr("style").iter().flat_map(|style| css_requests(style)));
        let text = |name: &str| attr(name).is_some_and(|text| !text.trim().is_empty());
        let mute = match &*tag.name {
            "img" => !text("alt"),
            "svg" => attr("role").is_some_and(|role| role == "img") && !text("aria-label"),
            _ => false,
        };
        if mute {
            self.mute.push(attr("src").unwrap_or_else(|| format!("<{}>", tag.name)));
        }
    }
}

/// The addresses that a style sheet loads.
pub(crate) fn css_requests(css: &str) -> Vec<String> {
    let ends = |text: &str| text.find([')', '"', '\'', ';']).unwrap_or(text.len());
    let clean = |text: &str| {
        let text = text.trim_start_matches(['"', '\'', ' ']);
        text[..ends(text)].trim().to_string()
    };
    let urls = css.split("url(").skip(1).map(clean);
    let imports = css.split("@import").skip(1).filter(|rest| !rest.trim_start().starts_with("url(")).map(clean);
    urls.chain(imports).collect()
}

#[derive(Default)]
struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        use html5ever::tokenizer::states::RawKind;
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind == TagKind::EndTag {
            return TokenSinkResult::Continue;
        }
        self.0.borrow_mut().element(&tag);
        // Between these tags, `<` is text.
        match &*tag.name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_its_anchors_links_requests_and_mute_images() {
        let page = Page::read(
            "<title><a href='no'></title><script src='a.js'>\"<a href='no'>\"</script>\
             <h2 id='one'><a href='b.html#x'>b</a></h2><p id='one'>\
             <img src='c.png' alt=' '><img src='d.png' alt='d'><svg role='img'></svg><svg role='img' aria-label='e'/>\
             <p style='background: url(\"f.png\")'>",
        );
        assert_eq!(page.links, ["b.html#x"]);
        assert_eq!(page.requests, ["a.js", "c.png", "d.png", "f.png"]);
        assert_eq!(page.mute, ["c.png", "<svg>"]);
        assert_eq!(page.ids_twice.into_iter().collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn a_style_sheet_tells_what_it_loads() {
        let css = "@import 'a.css'; @import url(b.css); p { background: url('https://c/d.png') }";
        assert_eq!(css_requests(css), ["b.css", "https://c/d.png", "a.css"]);
    }
}
