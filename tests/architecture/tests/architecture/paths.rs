//! What a file says of itself by its syntax: the modules it declares, the paths it names in `use`, in types and expressions
//! and in the tokens of macros, its functions, and what in it is asynchronous.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// A path as it stands in the file.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// It stands in a `use`.
    pub(crate) imported: bool,
}

/// `mod name;`
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The file that a `#[path]` names.
    pub(crate) file: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From its signature to its closing brace.
    pub(crate) lines: usize,
}

/// A file's syntax as far as it matters here.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) modules: Vec<Declared>,
    pub(crate) paths: Vec<Named>,
    /// What a `use` gives a name in this file.
    pub(crate) imports: HashMap<String, Vec<String>>,
    /// Items that stand in the file itself.
    pub(crate) items: Vec<String>,
    pub(crate) functions: Vec<Function>,
    /// Lines with something asynchronous.
    pub(crate) asynchronous: Vec<usize>,
    with_tests: bool,
    /// How many modules the visitor is in that stand in the file itself.
    depth: usize,
}

impl Outline {
    /// Without what is compiled for tests only.
    pub(crate) fn of(file: &Path) -> Self {
        Self::read(file, false)
    }

    pub(crate) fn with_tests(file: &Path) -> Self {
        Self::read(file, true)
    }

    fn read(file: &Path, with_tests: bool) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self::parse(&text, with_tests).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    pub(crate) fn parse(text: &str, with_tests: bool) -> syn::Result<Self> {
        let mut outline = Self {
            with_tests,
            ..Self::default()
        };
        outline.visit_file(&syn::parse_file(text)?);
        Ok(outline)
    }

    fn name(&mut self, segments: Vec<String>, line: usize) {
        let segments = self.seen_from_the_file(segments);
        self.paths.push(Named {
            segments,
            line,
            imported: false,
        });
    }

    fn import(&mut self, segments: Vec<String>, line: usize, name: Option<String>) {
        let segments = self.seen_from_the_file(segments);
        if let Some(name) = name
            && self.depth == 0
        {
            self.imports.insert(name, segments.clone());
        }
        self.paths.push(Named {
            segments,
            line,
            imported: true,
        });
    }

    fn seen_from_the_file(&self, mut segments: Vec<String>) -> Vec<String> {
        // Within a module that stands in the file, the first steps up end in the file.
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let inside = ups.min(self.depth);
        segments.drain(..inside);
        if inside > 0 && ups == inside {
            segments.insert(0, "self".to_owned());
        }
        segments
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let grown = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let line = tree.span().start().line;
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &grown(&path.ident)),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before);
                }
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.import(before.to_vec(), line, before.last().cloned());
            }
            syn::UseTree::Name(name) => self.import(grown(&name.ident), line, Some(name.ident.to_string())),
            syn::UseTree::Rename(name) => {
                self.import(grown(&name.ident), line, Some(name.rename.to_string()));
            }
            syn::UseTree::Glob(_) => self.import([before, &["*".to_owned()]].concat(), line, None),
        }
    }

    /// Paths among tokens that nobody has parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut line) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.end_of_path(&mut path, line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end_of_path(&mut path, line);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        match path.as_slice() {
            [] => {}
            [word] => {
                if matches!(word.as_str(), "async" | "await") {
                    self.asynchronous.push(line);
                }
            }
            _ => self.name(path, line),
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.span().start().line;
        self.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: block.span().end().line - line + 1,
        });
    }

    fn leaves_out(&self, attributes: &[syn::Attribute]) -> bool {
        let for_tests = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.to_string() == "test")
        };
        !self.with_tests && attributes.iter().any(for_tests)
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn item_name(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if self.leaves_out(attributes(item)) {
            return;
        }
        if self.depth == 0 {
            self.items.extend(item_name(item));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.depth += 1;
            visit::visit_item_mod(self, item);
            self.depth -= 1;
            return;
        }
        let file = item.attrs.iter().find_map(|attribute| {
            let syn::Meta::NameValue(pair) = &attribute.meta else {
                return None;
            };
            let syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(file),
                ..
            }) = &pair.value
            else {
                return None;
            };
            pair.path.is_ident("path").then(|| file.value())
        });
        self.modules.push(Declared {
            name: item.ident.to_string(),
            file,
        });
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs[..],
            syn::ImplItem::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !self.leaves_out(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        let asynchronous = signature.asyncness.map(|word| word.span().start().line);
        self.asynchronous.extend(asynchronous);
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.asynchronous.push(block.span().start().line);
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, wait: &'ast syn::ExprAwait) {
        self.asynchronous.push(wait.span().start().line);
        visit::visit_expr_await(self, wait);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        let asynchronous = closure.asyncness.map(|word| word.span().start().line);
        self.asynchronous.extend(asynchronous);
        visit::visit_expr_closure(self, closure);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.name(segments.collect(), path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.visit_path(attribute.path());
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let outline = Outline::parse(text, false).unwrap();
        outline
            .paths
            .iter()
            .map(|named| named.segments.join("::"))
            .collect()
    }

    #[test]
    fn paths_are_found_in_use_in_code_and_in_macros_but_not_in_what_is_for_tests() {
        assert_eq!(
            paths("use crate::a::{self, B as C, d::*};"),
            ["crate::a", "crate::a::B", "crate::a::d::*"]
        );
        assert_eq!(paths("fn f(x: a::B) { c::d(); }"), ["a::B", "c::d"]);
        assert_eq!(
            paths("fn f() { m!(crate::a::b(), [x, super::C::D]) }"),
            ["m", "crate::a::b", "super::C::D"]
        );
        assert_eq!(
            paths("#[cfg(test)] mod tests { use a::b; } #[cfg(test)] use c::d;"),
            [""; 0]
        );
        assert_eq!(
            paths("mod inner { use super::a; use super::super::b; }"),
            ["self::a", "super::b"]
        );
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "/// Why.\n#[x]\nfn f(\n    a: A,\n) {\n    b();\n}\nimpl T {\n    fn g() {}\n}\n";
        let outline = Outline::parse(text, false).unwrap();
        let found: Vec<_> = outline
            .functions
            .iter()
            .map(|function| (function.name.as_str(), function.line, function.lines))
            .collect();
        assert_eq!(found, [("f", 3, 5), ("g", 9, 1)]);
    }

    #[test]
    fn everything_asynchronous_is_noticed() {
        for text in [
            "async fn f() {}",
            "fn f() { async { } }",
            "fn f() { g().await }",
            "fn f() { async || 1 }",
            "fn f() { m!(async move { 1 }) }",
            "trait T { async fn f(); }",
        ] {
            assert_eq!(Outline::parse(text, false).unwrap().asynchronous, [1], "{text}");
        }
        assert_eq!(Outline::parse("fn f() {}", false).unwrap().asynchronous, [0; 0]);
    }
}
