//! Finds statements in the sources: every string that begins as one, wherever it stands, and every call that is given one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprCall, ItemFn, ItemMod, LitStr, Macro};

/// What statements begin with; others (SET, LOCK, ALTER, …) name nothing that preparing would look at.
const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
/// What is given a statement.
const CALLS: [&str; 5] = ["query", "query_as", "query_scalar", "query_with", "raw_sql"];

/// A statement and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// What the sources have.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) statements: Vec<Statement>,
    /// Calls whose statement is no constant, by file.
    pub(crate) assembled: BTreeMap<String, usize>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands in the sources of everything that is built, tests left out.
pub(crate) fn find() -> Found {
    let mut found = Found::default();
    for room in ["shared", "services"] {
        for krate in entries(&root().join(room)) {
            for file in files(&krate.join("src")) {
                read(&file, &mut found);
            }
        }
    }
    found
}

fn read(path: &Path, found: &mut Found) {
    let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "sql") {
        let statements = text.split(";\n").map(str::trim).filter(|text| !text.is_empty());
        found.statements.extend(statements.map(|text| Statement {
            file: file.clone(),
            text: text.to_owned(),
        }));
        return;
    }
    let mut finder = Finder {
        statements: Vec::new(),
        assembled: 0,
    };
    finder.visit_file(&syn::parse_file(&text).unwrap());
    let statements = finder.statements.into_iter();
    found.statements.extend(statements.map(|text| Statement {
        file: file.clone(),
        text,
    }));
    if finder.assembled > 0 {
        found.assembled.insert(file, finder.assembled);
    }
}

/// Sources under a folder; files of tests and generated code are none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(folder) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if name == "generated" || name == "tests" || name.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if matches!(extension, Some("rs" | "sql")) {
            files.push(path);
        }
    }
    files
}

/// In order; none where there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn is_statement(text: &str) -> bool {
    let verb = text.split_whitespace().next();
    verb.is_some_and(|verb| VERBS.contains(&verb)) && text.trim().contains(char::is_whitespace)
}

struct Finder {
    statements: Vec<String>,
    assembled: usize,
}

impl Finder {
    fn text(&mut self, text: String) {
        if is_statement(&text) {
            self.statements.push(text);
        }
    }

    /// Strings within a macro's arguments, which are no syntax of their own.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(literal) = syn::parse_str::<LitStr>(&literal.to_string()) {
                        self.text(literal.value());
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    fn call(&mut self, statement: Option<&Expr>) {
        if statement.is_some_and(|statement| !is_constant(statement)) {
            self.assembled += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_attribute(&mut self, _attribute: &'ast Attribute) {}

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.text(literal.value());
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let name = called.path.segments.last().unwrap().ident.to_string();
        match name.as_str() {
            // Holes are filled at run time; whoever runs it is found by its call.
            "format" | "write" | "writeln" => {}
            "concat" => {
                let parts: Vec<LitStr> = strings(called.tokens.clone());
                self.text(parts.iter().map(LitStr::value).collect());
            }
            _ => self.tokens(called.tokens.clone()),
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func
            && takes_statement(&path.path)
        {
            self.call(call.args.first());
        }
        visit::visit_expr_call(self, call);
    }
}

/// `sqlx::query(…)`, also imported, or `QueryBuilder::new(…)`.
fn takes_statement(path: &syn::Path) -> bool {
    let names: Vec<_> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [call] | ["sqlx", call] => CALLS.contains(call),
        names => names.contains(&"QueryBuilder"),
    }
}

fn strings(tokens: TokenStream) -> Vec<LitStr> {
    tokens
        .into_iter()
        .filter_map(|token| syn::parse_str::<LitStr>(&token.to_string()).ok())
        .collect()
}

/// A string, or a constant, which is one.
fn is_constant(statement: &Expr) -> bool {
    match statement {
        Expr::Lit(_) => true,
        Expr::Path(path) => {
            let name = path.path.segments.last().unwrap().ident.to_string();
            name.chars()
                .all(|letter| letter.is_ascii_uppercase() || letter == '_' || letter.is_ascii_digit())
        }
        Expr::If(choice) => {
            let otherwise = choice.else_branch.as_ref();
            block_is_constant(&choice.then_branch)
                && otherwise.is_some_and(|(_, otherwise)| is_constant(otherwise))
        }
        Expr::Block(block) => block_is_constant(&block.block),
        _ => false,
    }
}

fn block_is_constant(block: &syn::Block) -> bool {
    matches!(block.stmts.as_slice(), [syn::Stmt::Expr(value, None)] if is_constant(value))
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && quoted(attribute).contains("test")
            || attribute
                .path()
                .segments
                .last()
                .is_some_and(|segment| segment.ident == "test")
    })
}

fn quoted(attribute: &Attribute) -> String {
    match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}
