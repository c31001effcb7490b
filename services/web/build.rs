//! Makes a function of every message in texts/: its name is the key, its parameters are the message's variables, each given
//! by its name where there are several. A page that
//! names a missing text does not compile, a text that no page names is a warning, and both languages have the same keys
//! with the same variables. Keys that begin with `code-` are looked up by their value instead.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

type Messages = BTreeMap<String, BTreeSet<String>>;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=texts");
    println!("cargo::rerun-if-changed=templates");
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=migrations");
    let (ja, en) = (language("ja")?, language("en")?);
    let differing: Vec<&String> = ja
        .keys()
        .chain(en.keys())
        .filter(|key| ja.get(*key) != en.get(*key))
        .collect();
    if !differing.is_empty() {
        return Err(format!("ja and en differ in these keys or their variables: {differing:?}").into());
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "cargo tells a build script by the environment where to write"
    )]
    let out = std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(PathBuf::from(out).join("texts.rs"), functions(&ja))?;
    Ok(())
}

/// The files of a language, in the order of their names.
fn files(language: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts").join(language);
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

fn language(language: &str) -> Result<Messages, Box<dyn Error>> {
    let mut messages = Messages::new();
    for file in files(language)? {
        let text = fs::read_to_string(&file)?;
        let resource = fluent_syntax::parser::parse(text.as_str())
            .map_err(|(_, errors)| format!("{}: {errors:?}", file.display()))?;
        for entry in resource.body {
            let Entry::Message(message) = entry else { continue };
            let mut variables = BTreeSet::new();
            let value = message
                .value
                .ok_or_else(|| format!("{}: {} has no text", file.display(), message.id.name))?;
            of_pattern(&value, &mut variables);
            if messages.insert(message.id.name.to_owned(), variables).is_some() {
                return Err(format!("{}: {} stands twice", file.display(), message.id.name).into());
            }
        }
    }
    Ok(messages)
}

fn of_pattern(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            of_expression(expression, variables);
        }
    }
}

fn of_expression(expression: &Expression<&str>, variables: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => of_inline(inline, variables),
        Expression::Select { selector, variants } => {
            of_inline(selector, variables);
            for variant in variants {
                of_pattern(&variant.value, variables);
            }
        }
    }
}

fn of_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            variables.insert(id.name.to_owned());
        }
        InlineExpression::Placeable { expression } => of_expression(expression, variables),
        _ => {}
    }
}

fn functions(messages: &Messages) -> String {
    let mut code = String::new();
    for language in ["ja", "en"] {
        let constant = language.to_uppercase();
        let files = files(language).unwrap_or_default();
        let list: Vec<String> = files
            .iter()
            .map(|file| format!("include_str!({:?})", file.display().to_string()))
            .collect();
        // Writing to a text does not fail.
        let _ = writeln!(code, "const {constant}: &[&str] = &[{}];", list.join(", "));
    }
    for (key, variables) in messages.iter().filter(|(key, _)| !key.starts_with("code-")) {
        let name = key.replace('-', "_");
        let variables: Vec<String> = variables.iter().cloned().collect();
        let function = match variables.as_slice() {
            [] => format!(
                "impl Texts {{ pub(crate) fn {name}(self) -> String {{ self.message({key:?}, &[]) }} }}\n"
            ),
            [only] => format!(
                "impl Texts {{ pub(crate) fn {name}(self, {only}: impl Argument) -> String {{ \
                 self.message({key:?}, &[({only:?}, {only}.value())]) }} }}\n"
            ),
            several => chain(key, &name, several),
        };
        code.push_str(&function);
    }
    code
}

/// Of several variables each is named where it is given, in their alphabetical order: two that are mixed up do not compile.
/// `texts.greeting().first_name(a).last_name(b)` is the text.
fn chain(key: &str, name: &str, variables: &[String]) -> String {
    let step = |number: usize| format!("Given_{name}_{number}");
    let mut code = format!(
        "impl Texts {{ pub(crate) fn {name}(self) -> {0} {{ {0}(Given::new(self, {key:?})) }} }}\n",
        step(0)
    );
    for (number, variable) in variables.iter().enumerate() {
        let last = number + 1 == variables.len();
        let (answer, made) = if last {
            ("String".to_owned(), "given.text()".to_owned())
        } else {
            (step(number + 1), format!("{}(given)", step(number + 1)))
        };
        // Writing to a text does not fail.
        let _ = writeln!(
            code,
            "pub(crate) struct {0}(Given);\nimpl {0} {{ pub(crate) fn {variable}(self, value: impl Argument) -> {answer} {{ \
             let given = self.0.with({variable:?}, &value); {made} }} }}",
            step(number)
        );
    }
    code
}
