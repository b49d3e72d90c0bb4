//! The book builder: mdBook as a library, with directives that quote compiled code and show generated figures.
//!
//! # Directives
//!
//! One on a line of its own, outside code:
//!
//! | directive | gives |
//! |---|---|
//! | `{{#item stage01::naive::NaiveLog}}` | the item at this path, from the source that is compiled |
//! | `{{#item stage01::naive::NaiveLog::append}}` | one method |
//! | `{{#item stage01::naive::impl Log for NaiveLog}}` | a whole `impl` block |
//! | `{{#item stage01::naive::<NaiveLog as Log>::append}}` | a method that several traits have |
//! | `{{#item stage01::examples::append::main}}` | an item of an example, or of `tests` |
//! | `… nodoc}}`, `… sig}}` behind the path | without doc comments; the signature alone |
//! | `{{#drawing img/a.svg "words"}}` | the drawing, inlined, with a text for those who cannot see it |
//! | `{{#table append}}`, `{{#table append stage02}}` | measured numbers, for all stages or up to one |
//! | `{{#chart append}}`, `{{#chart append stage02}}` | the same as bars |
//! | `{{#promises}}` | which stage keeps which promise, checked while the book is built |
//! | `{{#spectrum}}` | what each preset of the durability spectrum loses to a power cut, and how fast it is |
//! | `{{#hexdump stage01 log.jsonl}}` | the bytes of a file that the stage writes, explained |
//! | `{{#crashmap stage01 append}}` | what a crash at each operation leaves |
//! | `{{#coverage}}` | how much of each stage the book quotes |
//! | `{{#exercises}}`, `{{#exercises stage02}}` | the parts of a stage's `exercises.toml`: of the chapter's own, or of one |
//! | `{{#zoo}}`, `{{#zoo stage02}}` | the bugs of the zoo: all under headings of their own, or those of one stage |
//!
//! A word of `table` and `chart` names a workload in whole, by its beginning or by a part between underscores; `all` is
//! every workload, `floor` the bare machine. In a chapter that is named after a stage, such as `stage02.md`, tables,
//! charts and promises go no further than that stage.
//!
//! A body that a learner writes, as `exercises.toml` lists it, is folded wherever an `item` quotes it: the signature
//! stays, the body is in a `<details>` below. A quoted block that holds such functions shows a remark in the place of
//! each body, and the whole in a `<details>`. The bug of a debugging exercise is nowhere marked, and the zoo tells neither
//! its name nor, before it is unfolded, what it is.
//!
//! Every quote and figure has an anchor: `#item-stage01-naive-NaiveLog-append`, `#drawing-a`, `#table-append`. Boxes
//! are written in HTML, with empty lines around the Markdown in them: `<div class="predict">`, `"break"`,
//! `"measured"`, and `<details><summary>…</summary>` for what is folded; `theme/course.css` has their looks.
//!
//! # Checks
//!
//! A book with one of these is not a good book, and the build names all of them at once: a directive that cannot be
//! followed; a link reference or footnote that is not defined or not used; a file that no chapter uses; a link inside
//! the book that leads nowhere; an image without alternative text; Rust typed into Markdown; anything that a page
//! would load from the network; exercises that cannot be read or name functions that are not there. In a strict build
//! also: a stage of which less than 90 % of the lines are quoted; a stage with exercises whose chapter does not list
//! them, lacks the heading of a part's section or of the experiment, or does not quote each function that is to be
//! written; a zoo that no page shows.

mod bugs;
mod coverage;
mod directive;
mod drawing;
mod exercises;
mod exhibits;
mod expand;
mod figure;
mod fold;
mod markdown;
mod page;
mod parts_table;
mod problem;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

pub use coverage::{Coverage, PERCENT_MIN};
pub(crate) use exercises::stage_of;
pub use problem::{Problem, Problems};

use exercises::Exercises;
use exhibits::Exhibits;
use expand::Press;
use site::Site;

use crate::source::library::Library;

/// What to build, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The book's folder, which holds `book.toml`.
    pub root: PathBuf,
    /// The workspace whose crates the book quotes.
    pub workspace: PathBuf,
    /// Where the pages go. What an earlier build left there is removed.
    pub out_dir: PathBuf,
    /// The reader's own numbers. Without them the book shows those that are checked in.
    pub results: Option<PathBuf>,
    /// Whether a book with problems is an error. If not, the report names them, and the pages say what is missing.
    pub strict: bool,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct BuildReport {
    /// Where the pages are.
    pub out_dir: PathBuf,
    /// How many pages there are.
    pub pages: usize,
    /// How much of each stage the book quotes.
    pub coverage: Vec<Coverage>,
    /// All that is wrong with the book; empty after a strict build.
    pub problems: Vec<Problem>,
}

/// Builds the book.
///
/// # Errors
///
/// The book cannot be read or written; or, if the build is strict, it has [`Problems`].
pub fn build(options: &Options) -> Result<BuildReport> {
    let root = fs::canonicalize(&options.root).with_context(|| format!("no book in {}", options.root.display()))?;
    let out_dir = std::path::absolute(&options.out_dir)?;
    let is_ours = !out_dir.exists() || out_dir.join(".nojekyll").exists() || fs::read_dir(&out_dir)?.next().is_none();
    ensure!(is_ours, "{} holds something that is not a book: it stays as it is", out_dir.display());

    let mut config = Config::from_disk(root.join("book.toml"))?;
    config.build.build_dir = out_dir.clone();
    let html = config.html_config().unwrap_or_default();
    let mut book = MDBook::load_with_config(&root, config)?;
    let mut library = Library::open(&options.workspace)?;
    let (exercises, mut problems) = Exercises::read(&options.workspace, &mut library)?;
    let bugs = bugs::collect(&options.workspace).unwrap_or_else(|error| {
        problems.push(Problem::in_file("zoo", format!("{error:#}")));
        Vec::new()
    });
    let mut press = Press {
        chapters: book.source_dir(),
        chapters_name: book.config.book.src.clone(),
        repository: html.git_repository_url,
        library,
        exercises,
        bugs,
        shows_bugs: false,
        exhibits: Exhibits::new(options.results.as_deref(), &root.join("results/reference.json"))?,
        problems,
        written: BTreeMap::new(),
        drawn: BTreeSet::new(),
    };
    let coverage = press.run(&mut book.book)?;
    book.build()?;

    let site = Site::read(&out_dir)?;
    let mut problems = std::mem::take(&mut press.problems);
    problems.extend(site.check(&press));
    if options.strict {
        problems.extend(coverage.iter().filter_map(too_little));
        problems.extend(press.exercises.owed(&press.chapters_name));
        let unseen = !press.bugs.is_empty() && !press.shows_bugs;
        problems.extend(unseen.then(|| Problem::in_file("zoo", "no chapter shows the bugs: one needs {{#zoo}}")));
    }
    problems.sort();
    problems.dedup();
    match options.strict && !problems.is_empty() {
        true => Err(Problems(problems).into()),
        false => Ok(BuildReport { out_dir, pages: site.pages(), coverage, problems }),
    }
}

/// A stage of which the book explains too little, and what is missing.
fn too_little(coverage: &Coverage) -> Option<Problem> {
    let Coverage { stage, quoted, lines, missing } = coverage;
    let items: Vec<String> = missing.iter().map(|(item, lines)| format!("{item} ({lines})")).collect();
    (!coverage.is_enough()).then(|| {
        let share = format!("{:.1} % of its lines ({quoted} of {lines})", coverage.percent());
        Problem::in_file(
            stage,
            format!("the book quotes {share}, less than {PERCENT_MIN} %; not quoted: {}", items.join(", ")),
        )
    })
}
