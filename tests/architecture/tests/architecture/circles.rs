//! No circle between the modules of a program: neither between neighbours, each with everything below it, nor through the
//! root, which puts the program together and is used by nobody in it.
//!
//! A module may use what its parent defines for all of its children, and the parent uses them: that is what a folder is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::modules::{Program, Use};
use crate::workspace::{within, workspace};

/// Every program of the workspace, by the file it begins in. Read once: it is much text.
static PROGRAMS: LazyLock<Vec<(String, Program)>> = LazyLock::new(|| {
    let mut roots: BTreeSet<PathBuf> = BTreeSet::new();
    for package in &workspace().packages {
        for target in &package.targets {
            roots.insert(target.src_path.as_std_path().to_owned());
        }
    }
    let load = |root: PathBuf| (within(&root), Program::load(&root));
    roots.into_iter().map(load).collect()
});

/// Uses between two children of one module, lifted to them: what is below a module belongs to it.
fn between_neighbours<'a>(program: &Program, uses: &'a [Use]) -> BTreeMap<(usize, usize), &'a Use> {
    let mut lifted = BTreeMap::new();
    for used in uses {
        let (from, to) = (program.line_of(used.from), program.line_of(used.to));
        let common = from
            .iter()
            .zip(&to)
            .take_while(|(one, other)| one == other)
            .count();
        if let (Some(from), Some(to)) = (from.get(common), to.get(common)) {
            lifted.entry((*from, *to)).or_insert(used);
        }
    }
    lifted
}

/// The modules that use each other in a circle, group by group.
fn circles(edges: &BTreeSet<(usize, usize)>) -> BTreeSet<BTreeSet<usize>> {
    let mut reach = edges.clone();
    loop {
        let further: Vec<_> = reach
            .iter()
            .flat_map(|(from, over)| {
                edges
                    .range((*over, 0)..=(*over, usize::MAX))
                    .map(|(_, to)| (*from, *to))
            })
            .filter(|step| !reach.contains(step))
            .collect();
        if further.is_empty() {
            break;
        }
        reach.extend(further);
    }
    let together = |one: usize| {
        let others = reach.range((one, 0)..=(one, usize::MAX)).map(|(_, to)| *to);
        others
            .filter(|to| reach.contains(&(*to, one)))
            .collect::<BTreeSet<_>>()
    };
    edges
        .iter()
        .map(|(from, _)| together(*from))
        .filter(|group| !group.is_empty())
        .collect()
}

/// The circles of a program, told with the lines that make them.
fn told(name: &str, program: &Program) -> Vec<String> {
    let uses = program.uses();
    let lifted = between_neighbours(program, &uses);
    let mut found = Vec::new();
    for group in circles(&lifted.keys().copied().collect()) {
        let names: Vec<_> = group.iter().map(|module| program.full_name(*module)).collect();
        let mut lines = vec![format!("{name}: {}", names.join(", "))];
        for ((from, to), used) in &lifted {
            if group.contains(from) && group.contains(to) {
                let file = within(&program.modules[used.from].file);
                lines.push(format!(
                    "    {} → {}: `{}` at {file}:{}",
                    program.full_name(*from),
                    program.full_name(*to),
                    used.path,
                    used.line
                ));
            }
        }
        found.push(lines.join("\n"));
    }
    found
}

#[test]
fn no_modules_of_a_program_use_each_other_in_a_circle() {
    let found: Vec<_> = PROGRAMS
        .iter()
        .flat_map(|(name, program)| told(name, program))
        .collect();
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn nobody_uses_what_stands_in_or_passes_through_the_root_of_their_own_program() {
    let mut found = Vec::new();
    for (name, program) in PROGRAMS.iter() {
        for (from, named) in program.through_root() {
            let file = within(&program.modules[from].file);
            let path = named.segments.join("::");
            found.push(format!("{name}: `{path}` at {file}:{}", named.line));
        }
    }
    assert!(found.is_empty(), "{} uses:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_uses_each_other_is_found_through_others_and_what_only_goes_down_is_not() {
    let edges = |pairs: &[(usize, usize)]| pairs.iter().copied().collect();
    assert_eq!(circles(&edges(&[(1, 2), (2, 3), (1, 3)])), BTreeSet::new());
    assert_eq!(
        circles(&edges(&[(1, 2), (2, 3), (3, 1), (3, 4), (5, 6), (6, 5)])),
        BTreeSet::from([BTreeSet::from([1, 2, 3]), BTreeSet::from([5, 6])])
    );
}

#[test]
fn every_program_is_read_with_all_its_modules() {
    let programs = PROGRAMS.len();
    let modules: usize = PROGRAMS.iter().map(|(_, program)| program.modules.len()).sum();
    assert!(
        programs > 40 && modules > 500,
        "{programs} programs of {modules} modules"
    );
}
