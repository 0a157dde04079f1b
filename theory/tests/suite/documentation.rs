//! Every public item is documented, with an example that runs and asserts something; every function that can fail says how.
//! The sources are parsed, so that an item which nobody documented is found without a list that somebody would have to keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Attribute, ImplItem, Item, TraitItem, UseTree, Visibility};

/// A module of the crate with its items and the modules inside it.
struct Module {
    file: PathBuf,
    /// Names from the root, without the crate's own.
    path: Vec<String>,
    public: bool,
    line: usize,
    documentation: BTreeSet<Part>,
    items: Vec<Item>,
    children: Vec<Module>,
}

impl Module {
    /// The module tree below a root file; `mod name;` is looked up as the compiler does.
    fn root(file: &Path) -> Self {
        let source = parse(file);
        let directory = file.parent().unwrap();
        Self::new(&source.attrs, source.items, file, directory, Vec::new(), true, 1)
    }

    fn new(
        attributes: &[Attribute],
        items: Vec<Item>,
        file: &Path,
        directory: &Path,
        path: Vec<String>,
        public: bool,
        line: usize,
    ) -> Self {
        let mut children = Vec::new();
        let mut rest = Vec::new();
        for item in items {
            let Item::Mod(module) = item else {
                rest.push(item);
                continue;
            };
            let name = module.ident.to_string();
            let inside = directory.join(&name);
            let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
            let (public, line) = (is_public(&module.vis), line_of(module.ident.span()));
            children.push(if let Some((_, content)) = module.content {
                Self::new(&module.attrs, content, file, &inside, path, public, line)
            } else {
                let file = [directory.join(format!("{name}.rs")), inside.join("mod.rs")]
                    .into_iter()
                    .find(|candidate| candidate.exists())
                    .unwrap_or_else(|| panic!("no file for module {name}"));
                let source = parse(&file);
                let attributes: Vec<Attribute> = module.attrs.into_iter().chain(source.attrs).collect();
                Self::new(&attributes, source.items, &file, &inside, path, public, 1)
            });
        }
        Self { file: file.to_path_buf(), path, public, line, documentation: parts(attributes), items: rest, children }
    }

    fn all(&self) -> Vec<&Module> {
        std::iter::once(self).chain(self.children.iter().flat_map(Self::all)).collect()
    }

    fn descendant(&self, path: &[String]) -> Option<&Module> {
        path.split_first().map_or(Some(self), |(name, rest)| {
            self.children.iter().find(|child| child.path.last() == Some(name))?.descendant(rest)
        })
    }
}

fn parse(file: &Path) -> syn::File {
    let text = std::fs::read_to_string(file).unwrap();
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn line_of(span: Span) -> usize {
    span.start().line
}

/// Something that documentation holds, or must hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text,
    Example,
    Errors,
    Shapes,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "documentation",
            Self::Example => "a runnable example that asserts something",
            Self::Errors => "an `# Errors` section",
            Self::Shapes => "the shape of its arrays",
        }
    }
}

/// What the documentation in a list of attributes holds.
fn parts(attributes: &[Attribute]) -> BTreeSet<Part> {
    let mut found = BTreeSet::new();
    // the code block being read: whether it runs, and whether it asserts anything
    let mut block: Option<(bool, bool)> = None;
    let text = attributes.iter().filter_map(text_of).collect::<Vec<_>>().join("\n");
    for line in text.lines().map(str::trim) {
        if let Some(tags) = line.strip_prefix("```") {
            block = match block {
                None => Some((is_runnable(tags), false)),
                Some((runnable, asserts)) => {
                    if runnable && asserts {
                        found.insert(Part::Example);
                    }
                    None
                }
            };
        } else if let Some((_, asserts)) = &mut block {
            *asserts |= line.contains("assert");
        } else if line == "# Errors" {
            found.insert(Part::Errors);
        } else if !line.is_empty() {
            found.insert(Part::Text);
            if states_a_shape(line) {
                found.insert(Part::Shapes);
            }
        }
    }
    found
}

/// The text of a documentation attribute; an equation is typeset at compile time and has none.
fn text_of(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if pair.path.is_ident("doc") => {
            Some(text.value())
        }
        _ => None,
    }
}

/// Whether rustdoc compiles and runs a code block with these tags.
fn is_runnable(tags: &str) -> bool {
    tags.split(',').map(str::trim).all(|tag| tag.is_empty() || tag == "rust")
}

/// Whether a line gives the shape of an array: "2d x 2d", "N x outputs", "n entries", "one per cell".
fn states_a_shape(line: &str) -> bool {
    let words: Vec<&str> =
        line.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let is_size = |word: &str| {
        matches!(word.len(), 1 | 2) || ["outputs", "rows", "columns", "cells", "dimension"].contains(&word)
    };
    words.iter().any(|word| ["entry", "entries", "2d"].contains(word))
        || words.windows(2).any(|two| two[0] == "per" && two[1] == "cell")
        || words.windows(3).any(|three| three[1] == "x" && is_size(three[0]) && is_size(three[2]))
}

/// An item that a user can reach.
struct Reached {
    name: String,
    has: BTreeSet<Part>,
    needs: Vec<Part>,
}

/// File, line and column of a definition: an item counts once, however many paths lead to it.
type Place = (PathBuf, usize, usize);

struct Survey<'a> {
    root: &'a Module,
    items: BTreeMap<Place, Reached>,
    /// Types that a user can name, as (module, name).
    types: Vec<(Vec<String>, String)>,
}

impl<'a> Survey<'a> {
    fn of(root: &'a Module) -> Self {
        let mut survey = Self { root, items: BTreeMap::new(), types: Vec::new() };
        survey.walk(root);
        survey.inherent_methods();
        survey
    }

    fn walk(&mut self, module: &Module) {
        let name = if module.path.is_empty() { "the crate".into() } else { module.path.join("::") };
        self.items.insert(
            (module.file.clone(), module.line, 0),
            Reached { name, has: module.documentation.clone(), needs: vec![Part::Text] },
        );
        for item in &module.items {
            self.item(module, item);
        }
        for child in module.children.iter().filter(|child| child.public) {
            self.walk(child);
        }
    }

    fn add(&mut self, module: &Module, span: Span, name: String, attributes: &[Attribute], kind: Kind<'_>) {
        let mut needs = vec![Part::Text];
        if !matches!(kind, Kind::Part) {
            needs.push(Part::Example);
        }
        if let Kind::Function(signature) = kind {
            needs.extend(returns_result(signature).then_some(Part::Errors));
            needs.extend(speaks_of_arrays(signature).then_some(Part::Shapes));
        }
        let place = (module.file.clone(), line_of(span), span.start().column);
        self.items.insert(place, Reached { name, has: parts(attributes), needs });
    }

    /// One item of a module, if it is public; a re-export leads to what it names.
    fn item(&mut self, module: &Module, item: &Item) {
        let full =
            |name: &syn::Ident| module.path.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>().join("::");
        match item {
            Item::Struct(found) if is_public(&found.vis) => {
                self.types.push((module.path.clone(), found.ident.to_string()));
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
                for field in found.fields.iter().filter(|field| is_public(&field.vis)) {
                    self.field(module, &full(&found.ident), field);
                }
            }
            Item::Enum(found) if is_public(&found.vis) => {
                self.types.push((module.path.clone(), found.ident.to_string()));
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
                for variant in &found.variants {
                    let name = format!("{}::{}", full(&found.ident), variant.ident);
                    for field in &variant.fields {
                        self.field(module, &name, field);
                    }
                    self.add(module, variant.ident.span(), name, &variant.attrs, Kind::Part);
                }
            }
            Item::Trait(found) if is_public(&found.vis) => {
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
                for part in &found.items {
                    let name = |name: &syn::Ident| format!("{}::{name}", full(&found.ident));
                    match part {
                        TraitItem::Fn(method) => {
                            let kind = Kind::Function(&method.sig);
                            self.add(module, method.sig.ident.span(), name(&method.sig.ident), &method.attrs, kind);
                        }
                        TraitItem::Type(part) => {
                            self.add(module, part.ident.span(), name(&part.ident), &part.attrs, Kind::Part);
                        }
                        TraitItem::Const(part) => {
                            self.add(module, part.ident.span(), name(&part.ident), &part.attrs, Kind::Part);
                        }
                        _ => {}
                    }
                }
            }
            Item::Fn(found) if is_public(&found.vis) => {
                let kind = Kind::Function(&found.sig);
                self.add(module, found.sig.ident.span(), full(&found.sig.ident), &found.attrs, kind);
            }
            Item::Type(found) if is_public(&found.vis) => {
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
            }
            Item::Const(found) if is_public(&found.vis) => {
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
            }
            Item::Static(found) if is_public(&found.vis) => {
                self.add(module, found.ident.span(), full(&found.ident), &found.attrs, Kind::Definition);
            }
            Item::Use(found) if is_public(&found.vis) => self.follow(module, &module.path.clone(), &found.tree),
            _ => {}
        }
    }

    /// A named field; a field without a name is described where it stands in line.
    fn field(&mut self, module: &Module, owner: &str, field: &syn::Field) {
        if let Some(ident) = &field.ident {
            self.add(module, ident.span(), format!("{owner}::{ident}"), &field.attrs, Kind::Part);
        }
    }

    /// The items that a `pub use` brings out, `base` being the module in which the path continues.
    fn follow(&mut self, module: &Module, base: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let segment = path.ident.to_string();
                let mut base = base.to_vec();
                match segment.as_str() {
                    "crate" => base.clear(),
                    "self" => {}
                    "super" => {
                        base.pop();
                    }
                    _ => base.push(segment),
                }
                self.follow(module, &base, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.follow(module, base, tree)),
            UseTree::Name(name) => self.bring_out(module, base, Some(&name.ident.to_string())),
            UseTree::Rename(name) => self.bring_out(module, base, Some(&name.ident.to_string())),
            UseTree::Glob(_) => self.bring_out(module, base, None),
        }
    }

    /// One named item of a module, or all of them.
    fn bring_out(&mut self, from: &Module, base: &[String], name: Option<&str>) {
        let root = self.root;
        let Some(module) = root.descendant(base) else {
            panic!("{}: {} is re-exported from outside the crate", from.file.display(), base.join("::"));
        };
        let mut found = name.is_none();
        for item in &module.items {
            if name.is_none_or(|name| names(item, name)) {
                found = true;
                self.item(module, item);
            }
        }
        for child in &module.children {
            if child.public && name.is_none_or(|name| child.path.last().is_some_and(|last| last == name)) {
                found = true;
                self.walk(child);
            }
        }
        assert!(found, "{}: {} has no item {}", from.file.display(), base.join("::"), name.unwrap_or("*"));
    }

    /// Public methods and constants of the types that a user can name, wherever the `impl` block stands.
    fn inherent_methods(&mut self) {
        for module in self.root.all() {
            for item in &module.items {
                let Item::Impl(block) = item else { continue };
                let syn::Type::Path(target) = &*block.self_ty else { continue };
                if block.trait_.is_some() {
                    continue;
                }
                let target = target.path.segments.last().unwrap().ident.to_string();
                let defines = |module: &Module| module.items.iter().any(|item| names_type(item, &target));
                let reached = if defines(module) {
                    self.types.contains(&(module.path.clone(), target.clone()))
                } else {
                    self.types.iter().any(|(_, name)| *name == target)
                };
                if !reached {
                    continue;
                }
                for part in &block.items {
                    match part {
                        ImplItem::Fn(method) if is_public(&method.vis) => {
                            let name = format!("{target}::{}", method.sig.ident);
                            let kind = Kind::Function(&method.sig);
                            self.add(module, method.sig.ident.span(), name, &method.attrs, kind);
                        }
                        ImplItem::Const(part) if is_public(&part.vis) => {
                            let name = format!("{target}::{}", part.ident);
                            self.add(module, part.ident.span(), name, &part.attrs, Kind::Definition);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// What is missing, one line each.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for ((file, line, _), item) in &self.items {
            for part in item.needs.iter().filter(|part| !item.has.contains(part)) {
                gaps.push(format!("{}:{line}: {} lacks {}", file.display(), item.name, part.name()));
            }
        }
        gaps
    }
}

/// What an item must have: a part of a type is explained by the type's example.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Part,
    Definition,
    Function(&'a syn::Signature),
}

fn returns_result(signature: &syn::Signature) -> bool {
    match &signature.output {
        syn::ReturnType::Type(_, kind) => match &**kind {
            syn::Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Result"),
            _ => false,
        },
        syn::ReturnType::Default => false,
    }
}

/// Whether a function takes or returns arrays; the argument of a function that it takes is its caller's own.
fn speaks_of_arrays(signature: &syn::Signature) -> bool {
    let text = signature.span().source_text().unwrap().replace("Fn(&DVector<f64>)", "Fn");
    text.contains("DMatrix") || text.contains("DVector") || text.contains("[[f64")
}

fn names_type(item: &Item, name: &str) -> bool {
    match item {
        Item::Struct(found) => found.ident == name,
        Item::Enum(found) => found.ident == name,
        _ => false,
    }
}

fn names(item: &Item, name: &str) -> bool {
    match item {
        Item::Trait(found) => found.ident == name,
        Item::Fn(found) => found.sig.ident == name,
        Item::Type(found) => found.ident == name,
        Item::Const(found) => found.ident == name,
        Item::Static(found) => found.ident == name,
        Item::Use(found) => brings(&found.tree, name),
        _ => names_type(item, name),
    }
}

/// Whether an import gives a name to the module it stands in.
fn brings(tree: &UseTree, name: &str) -> bool {
    match tree {
        UseTree::Path(path) => brings(&path.tree, name),
        UseTree::Group(group) => group.items.iter().any(|tree| brings(tree, name)),
        UseTree::Name(found) => found.ident == name,
        UseTree::Rename(found) => found.rename == name,
        UseTree::Glob(_) => false,
    }
}

#[test]
fn every_public_item_is_documented_with_an_example() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = Module::root(&source.join("lib.rs"));
    let survey = Survey::of(&root);
    let gaps = survey.gaps();
    let mut message = String::new();
    for gap in &gaps {
        let _ = writeln!(message, "{}", gap.replace(&format!("{}/", source.display()), "theory/src/"));
    }
    assert!(gaps.is_empty(), "{} gaps in the documentation:\n{message}", gaps.len());
}

/// The survey sees what it must see, in a small crate with one gap of each kind.
#[test]
fn gaps_of_every_kind_are_found() {
    let source = r#"
        //! A crate.
        /// Private, with a public item that nobody can name.
        mod inner {
            pub fn unreachable() {}
            /// Reached by the re-export, from an `impl` block elsewhere.
            ///
            /// ```
            /// assert!(true);
            /// ```
            pub struct Shown { /** Said. */ pub said: u8, pub unsaid: u8, private: u8 }
            pub struct Kept;
            impl Kept { pub fn method(&self) {} }
        }
        mod elsewhere {
            use super::inner::Shown;
            impl Shown {
                /// Fails without saying how.
                ///
                /// ```
                /// # assert_eq!(1, 1);
                /// ```
                pub fn fails(&self) -> Result<u8, ()> { Ok(0) }
                /// ```text
                /// assert!(no code)
                /// ```
                pub fn formula(&self) {}
                /// The matrix x at a time, d x d.
                ///
                /// ```
                /// assert_eq!(1, 1);
                /// ```
                pub fn shaped(&self) -> DMatrix<f64> {}
                /// The matrix x at a time.
                ///
                /// ```
                /// assert_eq!(1, 1);
                /// ```
                pub fn shapeless(&self) -> DMatrix<f64> {}
                fn private(&self) {}
            }
        }
        pub use inner::Shown;
        pub mod public {
            //! Documented.
            #[doc = equation!("x")]
            pub const X: u8 = 0;
            /// Has an example that asserts nothing.
            ///
            /// ```
            /// let x = 1;
            /// ```
            ///
            /// # Errors
            /// Never.
            pub fn silent() -> Result<(), ()> { Ok(()) }
            /// A choice.
            ///
            /// ```rust
            /// assert_ne!(1, 2);
            /// ```
            pub enum Choice { /** One. */ One, Two { /** Said. */ said: u8, unsaid: u8 }, }
            /// Not run.
            ///
            /// ```no_run
            /// assert!(true);
            /// ```
            pub trait Theory { fn speak(&self) -> crate::Result<u8>; }
        }
        pub mod bare {}
    "#;
    let source = syn::parse_file(source).unwrap();
    let root = Module::new(&source.attrs, source.items, Path::new("x"), Path::new(""), Vec::new(), true, 1);
    let gaps: Vec<String> =
        Survey::of(&root).gaps().into_iter().map(|gap| gap.split_once(": ").unwrap().1.into()).collect();
    let example = "lacks a runnable example that asserts something";
    assert_eq!(
        gaps,
        [
            "inner::Shown::unsaid lacks documentation".to_string(),
            "Shown::fails lacks an `# Errors` section".into(),
            "Shown::formula lacks documentation".into(),
            format!("Shown::formula {example}"),
            "Shown::shapeless lacks the shape of its arrays".into(),
            "public::X lacks documentation".into(),
            format!("public::X {example}"),
            format!("public::silent {example}"),
            "public::Choice::Two lacks documentation".into(),
            "public::Choice::Two::unsaid lacks documentation".into(),
            format!("public::Theory {example}"),
            "public::Theory::speak lacks documentation".into(),
            format!("public::Theory::speak {example}"),
            "public::Theory::speak lacks an `# Errors` section".into(),
            "bare lacks documentation".into(),
        ]
    );
}
