//! Which file of a crate imports which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree, Visibility};

/// A path from the crate's root: `["a", "b"]` for `crate::a::b`.
type ModulePath = Vec<String>;

/// One source file.
#[derive(Default)]
struct File {
    /// Its name below `src`.
    name: String,
    /// Paths that it names, absolute.
    uses: Vec<ModulePath>,
    /// What it re-exports: a name, and the absolute path of what that is.
    exports: BTreeMap<String, ModulePath>,
}

/// The circles among the files below `src`, each once, as `a.rs -> b.rs -> a.rs`.
pub(crate) fn circles(src: &Path) -> Vec<String> {
    let mut files = BTreeMap::new();
    read(src, src, &mut files);
    let arrows: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = files
        .iter()
        .map(|(module, file)| {
            let to = file.uses.iter().filter_map(|path| resolve(&files, path, 0));
            (module, to.filter(|to| *to != module).collect())
        })
        .collect();
    let mut found = BTreeSet::new();
    for start in arrows.keys() {
        if let Some(way) = way_back(&arrows, start) {
            let first = (0..way.len()).min_by_key(|at| way[*at]).unwrap_or(0);
            let turned = way[first..].iter().chain(&way[..=first]);
            let names: Vec<&str> = turned.map(|module| files[*module].name.as_str()).collect();
            found.insert(names.join(" -> "));
        }
    }
    found.into_iter().collect()
}

/// The shortest way from a module back to itself, without its end.
fn way_back<'a>(
    arrows: &BTreeMap<&'a ModulePath, BTreeSet<&'a ModulePath>>,
    start: &'a ModulePath,
) -> Option<Vec<&'a ModulePath>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in &arrows[way[way.len() - 1]] {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back([&way[..], &[*next]].concat());
            }
        }
    }
    None
}

/// The module that a path leads into, through re-exports.
fn resolve<'a>(
    files: &'a BTreeMap<ModulePath, File>,
    path: &[String],
    depth: usize,
) -> Option<&'a ModulePath> {
    let (module, file) =
        (0..=path.len()).rev().find_map(|end| files.get_key_value(&path[..end]))?;
    let exported = path.get(module.len()).and_then(|name| file.exports.get(name));
    match exported {
        Some(target) if depth < 9 => resolve(files, target, depth + 1),
        // A module itself says nothing of what is used of it; what it names says so where it stands.
        _ => Some(module),
    }
}

/// Reads every file below `folder`.
fn read(src: &Path, folder: &Path, files: &mut BTreeMap<ModulePath, File>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("bin") {
            read(src, &path, files);
        } else if path.extension().is_some_and(|of| of == "rs") {
            let name = path.strip_prefix(src).unwrap().to_string_lossy().into_owned();
            let mut module: ModulePath =
                name.trim_end_matches(".rs").split('/').map(String::from).collect();
            if ["lib", "main", "mod"].contains(&module[module.len() - 1].as_str()) {
                module.pop();
            }
            let syntax = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut reader =
                Reader { module: module.clone(), file: File { name, ..File::default() } };
            reader.visit_file(&syntax);
            files.insert(module, reader.file);
        }
    }
}

struct Reader {
    module: ModulePath,
    file: File,
}

impl Reader {
    /// The absolute path of what is written `path` here; none of another crate.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        let mut rest = &path[1..];
        while rest.first().is_some_and(|first| first == "super") {
            base.pop()?;
            rest = &rest[1..];
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn tree(&mut self, tree: &UseTree, before: &[String], public: bool) {
        match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.tree(&path.tree, &before, public);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|of| self.tree(of, before, public))
            }
            UseTree::Name(name) => self.leaf(before, &name.ident.to_string(), None, public),
            UseTree::Rename(of) => {
                self.leaf(before, &of.ident.to_string(), Some(of.rename.to_string()), public);
            }
            UseTree::Glob(_) => self.leaf(before, "self", None, false),
        }
    }

    fn leaf(&mut self, before: &[String], name: &str, renamed: Option<String>, public: bool) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        // In edition 2024 a child module may be named without `self`.
        let absolute = self.absolute(&path).or_else(|| {
            let child = [&["self".to_owned()], &path[..]].concat();
            self.absolute(&child)
        });
        let Some(absolute) = absolute else { return };
        match public {
            true => drop(self.file.exports.insert(renamed.unwrap_or(name.to_owned()), absolute)),
            false => self.file.uses.push(absolute),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|of| {
        of.path().is_ident("cfg")
            && of.parse_args::<syn::Path>().is_ok_and(|of| of.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, &[], public);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|of| of.ident.to_string()).collect();
        if let ("crate" | "super" | "self", true) = (words[0].as_str(), words.len() > 1) {
            self.file.uses.extend(self.absolute(&words));
        }
        visit::visit_path(self, path);
    }
}
