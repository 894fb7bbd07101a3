//! Rules about the source that the compiler does not police.
//!
//! For: the layers of the crate, and habits that no lint knows. Left out: what rustc, clippy and rustfmt check.
//! Always true: a rule is a function over paths and texts, and has a planted violation that it must catch.

mod source;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use self::source::{Named, Token, dropped, futures, paths, test_modules, tokens};

/// What may use what: each top module, and the others that it may name. `lib.rs` and `main.rs` may name all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("io", &["types"]),
    ("resilience", &["types", "io"]),
    ("engine", &["types"]),
    ("venue", &["types", "io", "resilience", "engine"]),
    ("sim", &["types", "io", "resilience"]),
    ("journal", &["types", "io", "resilience", "engine"]),
    (
        "control",
        &[
            "types",
            "io",
            "resilience",
            "engine",
            "venue",
            "sim",
            "journal",
        ],
    ),
    (
        "config",
        &[
            "types",
            "io",
            "resilience",
            "engine",
            "venue",
            "sim",
            "journal",
            "control",
        ],
    ),
    (
        "app",
        &[
            "types",
            "io",
            "resilience",
            "engine",
            "venue",
            "sim",
            "journal",
            "control",
            "config",
        ],
    ),
    (
        "cli",
        &[
            "types",
            "io",
            "resilience",
            "engine",
            "venue",
            "sim",
            "journal",
            "control",
            "config",
            "app",
        ],
    ),
];

/// Modules of one layer that do not know each other: both look at the state, neither sees what the other decides.
const STRANGERS: &[(&str, &str)] = &[("engine::strategy", "engine::risk")];

/// The one module that prints.
const PRINTS: &str = "cli::out";

/// Calls that start a task nobody owns.
const BARE_SPAWNS: &[&str] = &[
    "tokio::spawn",
    "tokio::task::spawn",
    "task::spawn",
    "tokio::task::spawn_local",
    "task::spawn_local",
];

/// One file, read and cut into tokens.
struct File<'a> {
    path: &'a str,
    text: &'a str,
    tokens: Vec<Token>,
    module: Vec<String>,
}

/// Every violation in these files, as `path:line: what is wrong`.
fn violations(files: &[(String, String)]) -> Vec<String> {
    let files: Vec<File<'_>> = files
        .iter()
        .map(|(path, text)| File::read(path, text))
        .collect();
    let tests = test_only(&files);
    let mut found = Vec::new();
    for file in &files {
        ignored_tests(file, &mut found);
        if !file.path.starts_with("src/") {
            continue;
        }
        module_doc(file, &mut found);
        printing(file, &tests, &mut found);
        unbiased_selects(file, &mut found);
        silent_about_cancellation(file, &tests, &mut found);
        let named = paths(&file.tokens, &file.module);
        layers(file, &named, &mut found);
        strangers(file, &named, &mut found);
        bare_spawns(file, &named, &mut found);
    }
    // Several names out of one forbidden place are one violation a line.
    found.dedup();
    found
}

impl<'a> File<'a> {
    fn read(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            tokens: tokens(text),
            module: module_of(path),
        }
    }

    /// The top module that the file belongs to; none for the crate's roots.
    fn layer(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    fn report(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || matches!(inner, "lib" | "main") {
        parts.pop();
    }
    parts
}

/// Modules in files of their own that are compiled for tests only.
fn test_only(files: &[File<'_>]) -> BTreeSet<String> {
    files
        .iter()
        .flat_map(|file| {
            let parent = file.module.clone();
            test_modules(&file.tokens)
                .into_iter()
                .map(move |name| [parent.as_slice(), &[name]].concat().join("::"))
        })
        .collect()
}

/// Whether `module` is `outer` or inside it.
fn within(module: &str, outer: &str) -> bool {
    module
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn layers(file: &File<'_>, named: &[Named], found: &mut Vec<String>) {
    let Some(layer) = file.layer() else {
        return;
    };
    let Some((_layer, allowed)) = MAY_USE.iter().find(|(name, _allowed)| *name == layer) else {
        found.push(file.report(1, format_args!("`{layer}` is not in the table of layers")));
        return;
    };
    for pair in file.tokens.windows(2) {
        if pair[0].text == "crate" && pair[1].text == "as" {
            found.push(file.report(pair[0].line, "renames the crate's root"));
        }
    }
    for named in named {
        let [root, target, ..] = named.parts.as_slice() else {
            continue;
        };
        if root == "crate" && target != layer && !allowed.contains(&target.as_str()) {
            found.push(file.report(named.line, format_args!("`{layer}` may not use `{target}`")));
        }
    }
}

fn strangers(file: &File<'_>, named: &[Named], found: &mut Vec<String>) {
    let module = file.module.join("::");
    let both_ways = STRANGERS
        .iter()
        .flat_map(|(one, other)| [(one, other), (other, one)]);
    for (here, there) in both_ways.filter(|(here, _there)| within(&module, here)) {
        for named in named {
            let target = named.parts.join("::");
            if target
                .strip_prefix("crate::")
                .is_some_and(|target| within(target, there))
            {
                found.push(
                    file.report(named.line, format_args!("`{here}` does not know `{there}`")),
                );
            }
        }
    }
}

fn bare_spawns(file: &File<'_>, named: &[Named], found: &mut Vec<String>) {
    for named in named {
        let path = named.parts.join("::");
        if BARE_SPAWNS.contains(&path.as_str()) {
            found.push(file.report(
                named.line,
                format_args!("`{path}` starts a task nobody owns"),
            ));
        }
    }
}

fn printing(file: &File<'_>, tests: &BTreeSet<String>, found: &mut Vec<String>) {
    let module = file.module.join("::");
    if within(&module, PRINTS) || tests.iter().any(|test| within(&module, test)) {
        return;
    }
    for pair in file.tokens.windows(2) {
        let prints = matches!(
            pair[0].text.as_str(),
            "print" | "println" | "eprint" | "eprintln" | "dbg"
        );
        if prints && pair[1].text == "!" && !pair[0].test {
            let what = format_args!("`{}!` outside `{PRINTS}`", pair[0].text).to_string();
            found.push(file.report(pair[0].line, what));
        }
    }
}

fn unbiased_selects(file: &File<'_>, found: &mut Vec<String>) {
    for four in file.tokens.windows(4) {
        let is_select = four[0].text == "select" && four[1].text == "!";
        if is_select && four[3].text != "biased" {
            found.push(file.report(four[0].line, "`select!` without `biased;`"));
        }
    }
}

/// What others can await they can drop half-way, and so can a `select!` or a limit in the file itself: its docs say what becomes of it
/// then.
fn silent_about_cancellation(file: &File<'_>, tests: &BTreeSet<String>, found: &mut Vec<String>) {
    if tests.contains(&file.module.join("::")) {
        return;
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
    let dropped = dropped(&file.tokens);
    let awaitable = futures(&file.tokens).into_iter();
    for function in awaitable.filter(|it| it.is_shared || dropped.contains(&it.name)) {
        let above = lines.get(..function.first_line - 1).unwrap_or_default();
        let mut docs = above
            .iter()
            .rev()
            .take_while(|line| line.starts_with("///") || line.starts_with("#["));
        if !docs.any(|line| line.contains("# Cancel safety")) {
            found.push(file.report(
                function.line,
                format!("`{}` does not say what dropping it leaves", function.name),
            ));
        }
    }
}

fn ignored_tests(file: &File<'_>, found: &mut Vec<String>) {
    for three in file.tokens.windows(3) {
        if three[0].text == "#" && three[1].text == "[" && three[2].text == "ignore" {
            found.push(file.report(three[2].line, "a test is ignored"));
        }
    }
}

fn module_doc(file: &File<'_>, found: &mut Vec<String>) {
    if !file.text.starts_with("//!") {
        found.push(file.report(1, "does not begin with `//!`"));
    }
}

/// Every Rust file below these folders of the crate, by its path from the crate's root. A folder that is not there holds none.
pub(crate) fn rust_files(folders: &[&str]) -> io::Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn source_keeps_the_rules() {
    let files = rust_files(&["src", "tests", "benches"]).unwrap();
    assert!(files.iter().any(|(path, _text)| path == "src/lib.rs"));
    let found = violations(&files);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn table_of_layers_has_no_cycle() {
    for (index, (layer, allowed)) in MAY_USE.iter().enumerate() {
        for used in *allowed {
            let earlier = MAY_USE[..index].iter().any(|(name, _allowed)| name == used);
            assert!(
                earlier,
                "`{layer}` uses `{used}`, which does not come before it"
            );
        }
    }
}

fn check(path: &str, body: &str, expected: &[&str]) {
    let files = [(path.to_owned(), format!("//! Planted.\n{body}"))];
    let found = violations(&files);
    let expected: Vec<String> = expected
        .iter()
        .map(|what| format!("{path}:{what}"))
        .collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn planted_uses_of_a_forbidden_layer_are_caught() {
    let refused = &["2: `engine` may not use `venue`"];
    for body in [
        "use crate::venue::kraken;",
        "use crate::{types::Price, venue::kraken::{Rest, rest}};",
        "use {std::fmt, crate::venue::x};",
        "pub(crate) use crate::venue::Rest as Other;",
        "fn f() { let x = crate::venue::kraken::Rest::<u8>::new(); }",
        "fn f(x: &'static crate::venue::Rest, y: char) { g('\"', y) }",
        "use super::super::venue::kraken;",
        "mod inner { use super::super::super::venue::kraken; }",
        "macro_rules! m { () => { $crate::venue::kraken() } }",
        "use tradingd::venue::kraken;",
        "#[cfg(test)] mod tests { use crate::venue::kraken; }",
    ] {
        check("src/engine/book/mod.rs", body, refused);
    }
    check(
        "src/engine/mod.rs",
        "use crate::*;",
        &["2: `engine` may not use `*`"],
    );
    check(
        "src/engine/mod.rs",
        "use crate as root;",
        &["2: renames the crate's root"],
    );
    check(
        "src/sim/log.rs",
        "use crate::\n  engine::Book;",
        &["3: `sim` may not use `engine`"],
    );
    check(
        "src/helpers.rs",
        "",
        &["1: `helpers` is not in the table of layers"],
    );
}

#[test]
fn allowed_uses_and_mere_mentions_pass() {
    for body in [
        "use crate::{engine::event::Event, types::{Price, Side}};",
        "use super::order; use self::x::y;",
        "/// See [`crate::venue`].\nfn f() {} // crate::venue::x",
        "/* crate::venue::x /* nested */ crate::venue::x */ fn f() {}",
        "fn f() -> &'static str { \"crate::venue::\\\" crate::venue::x\" }",
        "fn f() -> &'static str { r#\"crate::venue::x \" crate::venue::x\"# }",
        "mod inner { use super::super::order::State; }",
        "use other::venue::x;",
    ] {
        check("src/engine/book.rs", body, &[]);
    }
    check("src/main.rs", "use tradingd::{cli, venue};", &[]);
}

#[test]
fn strategy_and_risk_do_not_know_each_other() {
    let body = "use crate::engine::{book, risk::Gate};";
    check(
        "src/engine/strategy/grid.rs",
        body,
        &["2: `engine::strategy` does not know `engine::risk`"],
    );
    check(
        "src/engine/risk.rs",
        "use super::order;\nuse super::strategy::Grid;",
        &["3: `engine::risk` does not know `engine::strategy`"],
    );
    check("src/engine/mod.rs", body, &[]);
}

#[test]
fn planted_prints_are_caught_outside_the_module_that_prints() {
    let body =
        "fn f() { println!(\"x\"); }\n#[cfg(test)]\nmod tests { fn g() { eprintln!(\"x\"); } }";
    check(
        "src/app/mod.rs",
        body,
        &["2: `println!` outside `cli::out`"],
    );
    check("src/cli/out.rs", body, &[]);
    check(
        "src/cli/outer.rs",
        body,
        &["2: `println!` outside `cli::out`"],
    );
}

#[test]
fn files_compiled_for_tests_only_may_print() {
    let file = |path: &str, text: &str| (path.to_owned(), format!("//! Planted.\n{text}"));
    let parent = file("src/app/mod.rs", "#[cfg(test)]\nmod probe;\nmod real;");
    let prints = "fn f() { dbg!(1); }";
    let files = [
        parent,
        file("src/app/probe.rs", prints),
        file("src/app/real.rs", prints),
    ];
    assert_eq!(
        violations(&files),
        ["src/app/real.rs:2: `dbg!` outside `cli::out`"]
    );
}

#[test]
fn planted_habits_are_caught() {
    check(
        "src/app/mod.rs",
        "fn f() { tokio::spawn(g()); }\nuse tokio::{task::{spawn_local, JoinSet}, time};",
        &[
            "2: `tokio::spawn` starts a task nobody owns",
            "3: `tokio::task::spawn_local` starts a task nobody owns",
        ],
    );
    check(
        "src/app/mod.rs",
        "fn f() { tokio::select! { a = b => {} } select! { biased; a = b => {} } }",
        &["2: `select!` without `biased;`"],
    );
    check(
        "src/app/mod.rs",
        "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
        &["3: a test is ignored"],
    );
    check(
        "tests/it/slow.rs",
        "#[ignore]\nfn f() { println!() }",
        &["2: a test is ignored"],
    );
    check(
        "src/app/mod.rs",
        "/// Sends.\npub(super) async fn f() {}\n/// Waits.\n///\n/// # Cancel safety\n///\n/// None.\npub async fn g() {}\nasync fn h() {}",
        &["3: `f` does not say what dropping it leaves"],
    );
    check(
        "src/app/mod.rs",
        "/// Waits.\npub fn f<F: Future>(\n    a: F,\n) -> impl Future<Output = ()> {}\n\
         pub(in crate::app) fn g() -> BoxFuture<'static, u8> {}\n\
         pub(crate) unsafe async fn h() {}\n\
         pub fn i<F: Fn() -> u8>(a: F) where F: Future {}\n\
         pub fn j() -> impl Fn() {}\n\
         fn k() -> impl Future<Output = ()> {}\n\
         pub fn l() -> Pin<Box<dyn Future<Output = ()>>>;\n\
         fn m() { (a) } async fn n() {}",
        &[
            "3: `f` does not say what dropping it leaves",
            "6: `g` does not say what dropping it leaves",
            "7: `h` does not say what dropping it leaves",
            "11: `l` does not say what dropping it leaves",
        ],
    );
    let bare = [("src/app/mod.rs".to_owned(), "fn f() {}\n".to_owned())];
    assert_eq!(
        violations(&bare),
        ["src/app/mod.rs:1: does not begin with `//!`"]
    );
}

/// Each is what a function does; of `f` and `g`, which are private and silent, those that it may drop half-way.
#[test]
fn private_futures_that_can_be_dropped_half_way_are_caught() {
    let f = &["2: `f` does not say what dropping it leaves"][..];
    let g = &["3: `g` does not say what dropping it leaves"][..];
    let both = &[f, g].concat()[..];
    for (body, expected) in [
        ("select! { biased; () = f() => {} }", f),
        (
            "select! { biased; Some(_) = x.next(), if f() => y, () = self.g() => {} }",
            g,
        ),
        (
            "select! { biased; () = x => { f().await } else => g().await }",
            &[],
        ),
        (
            "select! { biased; () = x => f().await, a = b, if c => {} () = g() => d, }",
            g,
        ),
        ("let x = f(); select! { biased; () = x => {} }", f),
        (
            "let mut x = pin!(f()); select! { biased; () = &mut x => {} }",
            f,
        ),
        (
            "let x: X = Box::pin(f()); tokio::pin!(x); select! { biased; () = &mut x => {} }",
            f,
        ),
        (
            "let x = f(); let y = pin!(x); select! { biased; () = y.as_mut() => {} }",
            f,
        ),
        (
            "let x = async { f().await; g().await }; select! { biased; () = x => {} }",
            both,
        ),
        (
            "let x = f().await; select! { biased; () = sleep(x) => {} }",
            &[],
        ),
        (
            "let x = g(); let x = x; select! { biased; () = x => {} }",
            g,
        ),
        ("timeout(long, f()).await; g().await;", f),
        (
            "let x = g(); deadlines.within(Place::Close, x).await; f().await;",
            g,
        ),
        ("or_canceled(&token, async { f().await }).await;", f),
        ("f().await; let x = g(); x.await;", &[]),
    ] {
        let functions = "async fn f() {}\nfn g() -> impl Future<Output = ()> {}\n";
        let after = format!("{functions}fn a() {{ {body} }}");
        check("src/app/mod.rs", &after, expected);
        let tests = format!("{functions}#[cfg(test)] mod tests {{ fn a() {{ {body} }} }}");
        check("src/app/mod.rs", &tests, &[]);
    }
    let says =
        "/// # Cancel safety\n///\n/// None.\nasync fn f() { select! { biased; () = f() => {} } }";
    check("src/app/mod.rs", says, &[]);
}
