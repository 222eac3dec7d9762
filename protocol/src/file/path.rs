//! Paths beneath a folder: components, one by one.

use std::fmt;

use super::name::{Component, NameError};

/// Components of a path at most.
pub const MAX_COMPONENTS: usize = 64;
/// Bytes of a path at most, with a slash between two components: what Linux takes.
pub const MAX_PATH: usize = 4_096;

/// A path beneath a folder. Empty, it is the folder itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelativePath(Vec<Component>);

impl RelativePath {
    /// Takes a path as a person types it behind `agent:`. Doubled slashes, a slash at the end and
    /// `.` mean nothing; what leads out of the folder is refused.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.starts_with('/') {
            return Err(NameError::Absolute);
        }
        let mut path = Self::default();
        for name in text.split('/').filter(|name| !name.is_empty() && *name != ".") {
            let upward = name == "..";
            path.push(
                Component::new(name).map_err(|e| if upward { NameError::Upward } else { e })?,
            )?;
        }
        Ok(path)
    }

    /// Takes a path as a peer sends it.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn from_wire(components: &[String]) -> Result<Self, NameError> {
        let mut path = Self::default();
        for name in components {
            path.push(Component::new(name.as_str())?)?;
        }
        Ok(path)
    }

    /// As it travels.
    #[must_use]
    pub fn to_wire(&self) -> Vec<String> {
        self.0.iter().map(|component| component.as_str().to_owned()).collect()
    }

    /// One component deeper.
    ///
    /// # Errors
    /// [`NameError::Path`] where it would be too long; then it is as before.
    pub fn push(&mut self, component: Component) -> Result<(), NameError> {
        self.0.push(component);
        if self.0.len() > MAX_COMPONENTS || self.len() > MAX_PATH {
            self.0.pop();
            return Err(NameError::Path);
        }
        Ok(())
    }

    /// This path with one component behind it.
    ///
    /// # Errors
    /// As [`RelativePath::push`].
    pub fn join(&self, component: Component) -> Result<Self, NameError> {
        let mut longer = self.clone();
        longer.push(component).map(|()| longer)
    }

    /// The components, outermost first.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.0
    }

    /// The folder's path, and the name in it; `None` for the folder itself.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &Component)> {
        self.0.split_last().map(|(last, before)| (Self(before.to_vec()), last))
    }

    /// Whether it is the folder itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its bytes as text, with a slash between two components.
    #[must_use]
    pub fn len(&self) -> usize {
        let names: usize = self.0.iter().map(|component| component.as_str().len()).sum();
        names + self.0.len().saturating_sub(1)
    }
}

impl From<Component> for RelativePath {
    fn from(component: Component) -> Self {
        Self(vec![component])
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, component) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            component.fmt(f)?;
        }
        Ok(())
    }
}

/// Where files go to, as a person types it behind `agent:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The path.
    pub path: RelativePath,
    /// Whether it can only be a folder: it is empty, or was typed with a slash at its end.
    pub folder: bool,
}

impl Destination {
    /// Takes a destination.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let path = RelativePath::parse(text)?;
        let folder = path.is_empty() || text.ends_with('/') || text.ends_with("/.");
        Ok(Self { path, folder })
    }

    /// What `FilePut.exact` says for so many sources: whether the last component may be a new name.
    #[must_use]
    pub fn is_exact(&self, sources: usize) -> bool {
        sources == 1 && !self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::parse(text).unwrap()
    }

    #[test]
    fn what_a_person_types() {
        assert_eq!(path("a/b/c").to_wire(), ["a", "b", "c"]);
        assert_eq!(path("./a//b/").to_wire(), ["a", "b"]);
        assert!(path("").is_empty() && path(".").is_empty() && path("./").is_empty());
        assert_eq!(path("a/b").to_string(), "a/b");
        let (folder, name) = path("a/b/c").split_last().map(|(f, n)| (f, n.clone())).unwrap();
        assert_eq!((folder, name.as_str()), (path("a/b"), "c"));
        assert_eq!(path("").split_last(), None);
    }

    #[test]
    fn a_destination_is_a_folder_or_a_new_name() {
        let exact = |text: &str, sources| Destination::parse(text).unwrap().is_exact(sources);
        assert!(exact("a", 1) && exact("a/b", 1));
        assert!(!exact("a/", 1) && !exact("", 1) && !exact(".", 1) && !exact("a/.", 1));
        assert!(!exact("a", 2));
    }

    #[test]
    fn no_spelling_leads_out() {
        let typed = [
            "..",
            "../x",
            "../../etc/passwd",
            "a/..",
            "a/../..",
            "a/../../x",
            "./..",
            "./../x",
            "a//../..//x",
            "/",
            "/etc/passwd",
            "//etc/passwd",
            "/..",
            "a/b/../../../x",
            "..\\x",
            "a\\..\\..\\x",
            "\\x",
            "\\\\host\\share",
            "C:\\x",
            "C:x",
            "c:/x",
            "a/C:",
            "x:stream",
            "file:///etc/passwd",
            ".. /x",
            "a/.. ",
            "a/. ./x",
            "a/...",
            "a/\0",
            "a\0/../x",
            "..\0",
            "a/..\n",
            "../",
            "a/../",
            "a/./../..",
            "NUL",
            "a/con.txt",
            "dev/COM1",
        ];
        assert!(typed.len() > 30);
        for text in typed {
            assert!(RelativePath::parse(text).is_err(), "{text:?}");
            assert!(RelativePath::from_wire(&[text.to_owned()]).is_err(), "{text:?}");
            assert!(RelativePath::from_wire(&["a".to_owned(), text.to_owned()]).is_err());
        }
        assert_eq!(RelativePath::parse("/x"), Err(NameError::Absolute));
        assert_eq!(RelativePath::parse("a/../x"), Err(NameError::Upward));
        // A peer has no shorthand: what a person may type, it may not send.
        for text in ["", ".", "a/b", "a/"] {
            assert!(RelativePath::from_wire(&[text.to_owned()]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = vec!["a".to_owned(); MAX_COMPONENTS + 1];
        assert_eq!(RelativePath::from_wire(&deep), Err(NameError::Path));
        assert!(RelativePath::from_wire(&deep[1..]).is_ok());
        let long = vec!["x".repeat(255); 17];
        assert_eq!(RelativePath::from_wire(&long), Err(NameError::Path));
        let fits = RelativePath::from_wire(&long[1..]).unwrap();
        assert_eq!(fits.len(), 16 * 255 + 15);
    }

    proptest! {
        /// Whatever is taken stays beneath the folder when the system reads it as a path.
        #[test]
        fn what_is_taken_stays_beneath(text in "[a./\\\\:~ \0-]{0,24}|.{0,24}") {
            if let Ok(path) = RelativePath::parse(&text) {
                let joined = path.to_wire().join("/");
                let plain = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(&joined).components().all(plain));
                prop_assert_eq!(RelativePath::from_wire(&path.to_wire()), Ok(path.clone()));
                prop_assert_eq!(RelativePath::parse(&joined), Ok(path));
            }
        }

        #[test]
        fn a_taken_path_has_no_way_up(parts in proptest::collection::vec(
            prop_oneof![Just("..".to_owned()), Just(".".to_owned()), "[a-z]{1,3}", "[./\\\\]{1,4}"],
            0..80,
        )) {
            if let Ok(path) = RelativePath::from_wire(&parts) {
                prop_assert!(path.components().len() <= MAX_COMPONENTS);
                prop_assert!(parts.iter().all(|part| !part.contains(['/', '\\']) && part != ".."));
            }
        }
    }
}
