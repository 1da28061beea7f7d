//! A file as keys, values and the comments that belong to them, before it is decided what goes where.

/// Keys with values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    /// Comments after the last entry.
    pub(crate) tail: Vec<String>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) comments: Comments,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A value without parts, as it is printed.
    Plain(String),
    List(List),
    Tree(Tree),
}

/// Values in brackets, or tables under one heading in double brackets.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<Item>,
    /// Whether it is printed a line an item even if one line would do.
    pub(crate) broken: bool,
    /// Comments after the last item.
    pub(crate) tail: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: Value,
    pub(crate) comments: Comments,
}

/// The comments of one key, heading or item, each from its `#` on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Comments {
    /// Lines above. An empty one parts two paragraphs, or a paragraph from what it stands above.
    pub(crate) above: Vec<String>,
    /// Behind it on its own line.
    pub(crate) beside: Option<String>,
}

impl Tree {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    /// Puts a value where the key stands, with its comments, or adds the key.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.entries.push(Entry::new(key, value)),
        }
    }

    /// Takes a key away, and says whether it was there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.key != key);
        self.entries.len() < before
    }

    fn has_comments(&self) -> bool {
        let entry = |entry: &Entry| !entry.comments.is_empty() || entry.value.has_comments();
        !self.tail.is_empty() || self.entries.iter().any(entry)
    }
}

impl Entry {
    pub(crate) fn new(key: &str, value: Value) -> Self {
        Self { key: key.to_owned(), value, comments: Comments::default() }
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Plain(toml_edit::Value::from(text).to_string())
    }

    pub(crate) fn number(number: i64) -> Self {
        Self::Plain(number.to_string())
    }

    pub(crate) fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(List { items: values.into_iter().map(Item::new).collect(), ..List::default() })
    }

    /// Whether a comment stands anywhere inside.
    pub(crate) fn has_comments(&self) -> bool {
        let item = |item: &Item| !item.comments.is_empty() || item.value.has_comments();
        match self {
            Self::Plain(_) => false,
            Self::List(list) => !list.tail.is_empty() || list.items.iter().any(item),
            Self::Tree(tree) => tree.has_comments(),
        }
    }
}

impl Item {
    pub(crate) fn new(value: Value) -> Self {
        Self { value, comments: Comments::default() }
    }
}

impl Comments {
    pub(crate) fn is_empty(&self) -> bool {
        self.above.is_empty() && self.beside.is_none()
    }

    /// Adds a comment behind; where one is already, they go above.
    pub(crate) fn put_beside(&mut self, comment: Option<String>) {
        if let Some(comment) = comment
            && let Some(more) = self.beside.replace(comment)
        {
            self.above.push(more);
        }
    }
}
