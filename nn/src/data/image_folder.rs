//! Image folders: one folder per class, the images in it or below it. Classes are numbered in the order of their names, as in ImageNet and
//! Torchvision. Tiny ImageNet is read as it comes: `NAME_boxes.txt` in its class folders is passed over, and its validation set, one folder
//! `images` with classes in `val_annotations.txt`, is understood.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{NnError, Result};

/// Tiny ImageNet's list of the classes of its validation images.
const ANNOTATIONS: &str = "val_annotations.txt";

/// Which folders there must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Classes {
    /// Whatever there is.
    #[default]
    Found,
    /// So many.
    Count(usize),
    /// These; other folders are left out.
    Named(Vec<String>),
}

/// Images with classes; cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    root: PathBuf,
    classes: Arc<[String]>,
    /// Path from the root, and class.
    files: Arc<[(PathBuf, u32)]>,
}

/// Entries of a folder by name, hidden ones left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unread = |source| NnError::Read { path: folder.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn has_image_name(path: &Path) -> bool {
    let extension = path.extension().map(|kind| kind.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("jpg" | "jpeg" | "png"))
}

/// The images below a folder, in the order of their paths.
fn images_below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            images_below(&path, found)?;
        } else if has_image_name(&path) {
            found.push(path);
        } else if !name_of(&path).ends_with("_boxes.txt") {
            let detail = "it is no image; class folders hold .jpg, .jpeg and .png files only".into();
            return Err(NnError::File { path, detail });
        }
    }
    Ok(())
}

fn refuse(path: &Path, detail: String) -> NnError {
    NnError::File { path: path.into(), detail }
}

/// Class names with the folders of each.
fn folders_of(root: &Path, wanted: &Classes) -> Result<Vec<(String, PathBuf)>> {
    if !root.is_dir() {
        let found = if root.exists() { "it is a file" } else { "there is no such folder" };
        return Err(refuse(root, format!("{found}; it must be a folder with one folder of images per class")));
    }
    if let Classes::Named(names) = wanted {
        let mut names = names.clone();
        names.sort();
        names.dedup();
        return names
            .into_iter()
            .map(|name| {
                let folder = root.join(&name);
                if folder.is_dir() {
                    Ok((name, folder))
                } else {
                    Err(refuse(&folder, "the folder of this class is missing; data.classes names it".into()))
                }
            })
            .collect();
    }
    let found: Vec<_> =
        entries(root)?.into_iter().filter(|path| path.is_dir()).map(|path| (name_of(&path), path)).collect();
    match wanted {
        Classes::Count(count) if found.len() != *count => {
            Err(refuse(root, format!("it holds {} class folders; data.classes says {count}", found.len())))
        }
        _ if found.is_empty() => Err(refuse(root, "it holds no folders; it must hold one per class".into())),
        _ => Ok(found),
    }
}

/// (file, class) of the lines of Tiny ImageNet's validation set.
fn read_annotations(path: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path).map_err(|source| NnError::Read { path: path.into(), source })?;
    text.lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some(file), Some(class)) => Ok((file.to_owned(), class.to_owned())),
                _ => Err(refuse(path, format!("line {number} is \"{line}\"; it must be a file name and a class"))),
            }
        })
        .collect()
}

impl ImageFolder {
    /// Lists a folder; with `per_class`, the first so many images of each class.
    ///
    /// # Errors
    /// [`NnError::Read`]; [`NnError::File`] naming a class folder that is missing or empty, or a file that is no image.
    pub fn read(root: &Path, wanted: &Classes, per_class: Option<usize>) -> Result<Self> {
        let annotations = root.join(ANNOTATIONS);
        if annotations.is_file() {
            return Self::annotated(root, &annotations, wanted, per_class);
        }
        let folders = folders_of(root, wanted)?;
        let mut files = Vec::new();
        for (number, (_, folder)) in folders.iter().enumerate() {
            let mut found = Vec::new();
            images_below(folder, &mut found)?;
            if found.is_empty() {
                return Err(refuse(folder, "it holds no images; each class needs at least one".into()));
            }
            found.truncate(per_class.unwrap_or(usize::MAX));
            let from_root = |path: PathBuf| path.strip_prefix(root).map(Path::to_path_buf).unwrap_or(path);
            files.extend(found.into_iter().map(|path| (from_root(path), number as u32)));
        }
        let classes = folders.into_iter().map(|(name, _)| name).collect();
        Self::of(root, classes, files)
    }

    fn annotated(root: &Path, list: &Path, wanted: &Classes, per_class: Option<usize>) -> Result<Self> {
        let mut lines = read_annotations(list)?;
        if let Classes::Named(names) = wanted {
            lines.retain(|(_, class)| names.contains(class));
        }
        let classes: BTreeSet<String> = lines.iter().map(|(_, class)| class.clone()).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        if let Classes::Count(count) = wanted
            && classes.len() != *count
        {
            return Err(refuse(list, format!("it names {} classes; data.classes says {count}", classes.len())));
        }
        let mut seen = vec![0; classes.len()];
        let mut files = Vec::new();
        for (file, class) in lines {
            let number = classes.binary_search(&class).unwrap_or(0);
            seen[number] += 1;
            if seen[number] <= per_class.unwrap_or(usize::MAX) {
                files.push((Path::new("images").join(file), number as u32));
            }
        }
        Self::of(root, classes, files)
    }

    fn of(root: &Path, classes: Vec<String>, files: Vec<(PathBuf, u32)>) -> Result<Self> {
        if files.is_empty() {
            return Err(refuse(root, "it holds no images".into()));
        }
        if u32::try_from(files.len()).is_err() {
            return Err(refuse(root, format!("it holds {} images; at most {} can be numbered", files.len(), u32::MAX)));
        }
        Ok(Self { root: root.into(), classes: classes.into(), files: files.into() })
    }

    /// The same images with the class numbers of another folder: a test set.
    ///
    /// # Errors
    /// [`NnError::File`] naming a class that the other folder does not have, or one of its that is missing here.
    pub fn numbered_as(&self, training: &Self) -> Result<Self> {
        let mut numbers = Vec::new();
        for class in self.classes.iter() {
            let Ok(number) = training.classes.binary_search(class) else {
                let detail =
                    format!("a test class that the training images in {} do not have", training.root.display());
                return Err(refuse(&self.root.join(class), detail));
            };
            numbers.push(number as u32);
        }
        if let Some(missing) = training.classes.iter().find(|class| !self.classes.contains(class)) {
            let detail = format!(
                "the folder of this class is missing; the training images in {} have it",
                training.root.display()
            );
            return Err(refuse(&self.root.join(missing), detail));
        }
        let renumbered = |(path, class): &(PathBuf, u32)| (path.clone(), numbers[*class as usize]);
        let files = self.files.iter().map(renumbered).collect::<Vec<_>>();
        Ok(Self { root: self.root.clone(), classes: training.classes.clone(), files: files.into() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the classes, by number.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// N.
    pub fn samples(&self) -> usize {
        self.files.len()
    }

    /// Paths from the root, and class numbers.
    pub fn files(&self) -> &[(PathBuf, u32)] {
        &self.files
    }

    /// The file of a sample.
    pub fn path(&self, sample: u32) -> PathBuf {
        self.files.get(sample as usize).map_or_else(|| self.root.clone(), |(path, _)| self.root.join(path))
    }

    /// Class numbers of samples.
    pub fn labels(&self, samples: &[u32]) -> Vec<i64> {
        samples.iter().map(|sample| self.files.get(*sample as usize).map_or(-1, |file| i64::from(file.1))).collect()
    }
}
