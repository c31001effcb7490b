//! The modules of a program, and which of them uses which. A file is a module; modules that stand in a file are part of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::paths::{Named, Outline};

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) parent: Option<usize>,
    outline: Outline,
    children: BTreeMap<String, usize>,
}

/// A library, a binary, a test: everything below one root file. Its first module is the root.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) modules: Vec<Module>,
}

/// One module uses another, as this line shows.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The path, for the reader.
    pub(crate) path: String,
    pub(crate) line: usize,
}

/// How many names a path may lead through, one named after the other.
const STEPS: usize = 8;

/// Where a path leads.
struct Reached {
    module: usize,
    item: Option<String>,
}

impl Program {
    pub(crate) fn load(root: &Path) -> Self {
        let mut program = Self::default();
        program.add(root, "crate", None);
        program
    }

    fn add(&mut self, file: &Path, name: &str, parent: Option<usize>) -> usize {
        let place = self.modules.len();
        self.modules.push(Module {
            name: name.to_owned(),
            file: file.to_owned(),
            parent,
            outline: Outline::of(file),
            children: BTreeMap::new(),
        });
        let declared: Vec<(String, PathBuf)> = self.modules[place]
            .outline
            .modules
            .iter()
            .map(|declared| {
                (
                    declared.name.clone(),
                    self.file_of(place, &declared.name, declared.file.as_deref()),
                )
            })
            .collect();
        for (name, file) in declared {
            let child = self.add(&file, &name, Some(place));
            self.modules[place].children.insert(name, child);
        }
        place
    }

    fn file_of(&self, parent: usize, name: &str, named: Option<&str>) -> PathBuf {
        let Module { file, parent, .. } = &self.modules[parent];
        let folder = file.parent().unwrap();
        if let Some(named) = named {
            return folder.join(named);
        }
        let below = if parent.is_none() || file.ends_with("mod.rs") {
            folder.to_owned()
        } else {
            folder.join(file.file_stem().unwrap())
        };
        let beside = below.join(format!("{name}.rs"));
        if beside.exists() {
            beside
        } else {
            below.join(name).join("mod.rs")
        }
    }

    /// `door::settings`, without the root.
    pub(crate) fn full_name(&self, module: usize) -> String {
        match self.modules[module].parent {
            Some(0) => self.modules[module].name.clone(),
            Some(parent) => format!("{}::{}", self.full_name(parent), self.modules[module].name),
            None => "crate".to_owned(),
        }
    }

    /// The modules from the root to this one.
    pub(crate) fn line_of(&self, module: usize) -> Vec<usize> {
        let mut line = match self.modules[module].parent {
            Some(parent) => self.line_of(parent),
            None => Vec::new(),
        };
        line.push(module);
        line
    }

    pub(crate) fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for from in 0..self.modules.len() {
            for named in &self.modules[from].outline.paths {
                uses.extend(self.used(from, named));
            }
        }
        uses
    }

    fn used(&self, from: usize, named: &Named) -> Option<Use> {
        let Reached { module, item } = self.reached(from, named)?;
        let mut to = module;
        if let Some(item) = &item
            && to != from
            && self.line_of(from).contains(&to)
            && let Some(passed_on) = self.modules[to].outline.imports.get(item)
        {
            // A module above only passes it on.
            to = self.resolve(to, passed_on, Some(item), STEPS)?.module;
        }
        (to != from).then(|| Use {
            from,
            to,
            path: named.segments.join("::"),
            line: named.line,
        })
    }

    /// Paths through the root of their own program, where the root is only to put the program together.
    pub(crate) fn through_root(&self) -> Vec<(usize, &Named)> {
        let mut found = Vec::new();
        for from in 1..self.modules.len() {
            for named in &self.modules[from].outline.paths {
                if let Some(Reached {
                    module: 0,
                    item: Some(item),
                }) = self.reached(from, named)
                    && named.segments.len() > 1
                    && self.has(0, &item)
                {
                    found.push((from, named));
                }
            }
        }
        found
    }

    /// Whether the item stands in the module, or is passed on by it. Exported macros stand elsewhere.
    fn has(&self, module: usize, item: &str) -> bool {
        let outline = &self.modules[module].outline;
        item == "*" || outline.items.iter().any(|own| own == item) || outline.imports.contains_key(item)
    }

    fn reached(&self, from: usize, named: &Named) -> Option<Reached> {
        // A `use` does not lead through the name that it gives.
        let own = named.segments.first().filter(|_| named.imported);
        self.resolve(from, &named.segments, own.map(String::as_str), STEPS)
    }

    /// `own`: a name that does not count as imported here.
    fn resolve(&self, from: usize, segments: &[String], own: Option<&str>, steps: usize) -> Option<Reached> {
        let Module {
            parent,
            outline,
            children,
            ..
        } = &self.modules[from];
        let (first, rest) = segments.split_first()?;
        let mut module = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => (*parent)?,
            name => match children.get(name) {
                Some(child) => *child,
                None if own == Some(name) || steps == 0 => return None,
                None => {
                    let path = [outline.imports.get(name)?, rest].concat();
                    return self.resolve(from, &path, Some(name), steps - 1);
                }
            },
        };
        let mut rest = rest;
        while let Some((next, further)) = rest.split_first() {
            module = match self.modules[module].children.get(next) {
                _ if next == "super" => self.modules[module].parent?,
                Some(child) => *child,
                None => break,
            };
            rest = further;
        }
        Some(Reached {
            module,
            item: rest.first().cloned(),
        })
    }
}
