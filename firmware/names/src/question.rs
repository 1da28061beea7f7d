//! A question as the service asks and remembers it.

use hickory_proto::{
    op::Query,
    rr::{Name, RecordType},
    serialize::binary::BinEncodable as _,
};

/// A name, a type, and what a client wants to see of signatures. The class is IN; nobody is answered for another.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Question {
    /// In lower case.
    pub(crate) name: Name,
    pub(crate) kind: RecordType,
    /// The client wants signatures (DO, RFC 3225).
    pub(crate) signatures: bool,
    /// The client checks them itself (CD, RFC 4035, 3.2.2).
    pub(crate) unchecked: bool,
}

impl Question {
    /// A question for a name without a client's wishes.
    pub(crate) fn plain(name: &Name, kind: RecordType) -> Self {
        Self { name: name.to_lowercase(), kind, signatures: false, unchecked: false }
    }

    /// The same for another name.
    pub(crate) fn about(&self, name: &Name) -> Self {
        Self { name: name.to_lowercase(), ..self.clone() }
    }

    pub(crate) fn query(&self) -> Query {
        Query::query(self.name.clone(), self.kind)
    }

    /// Writes what tells it from other questions.
    pub(crate) fn write_key(&self, key: &mut Vec<u8>) {
        key.extend(u16::from(self.kind).to_be_bytes());
        key.push(u8::from(self.signatures) | u8::from(self.unchecked) << 1);
        // A name that was read can be written.
        key.extend(self.name.to_bytes().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn questions() -> impl Strategy<Value = Question> {
        let label = vec(prop_oneof![Just(b'a'), Just(b'A'), Just(0), Just(b'.')], 1..4);
        let flags = (any::<bool>(), any::<bool>());
        (vec(label, 0..4), 0_u16..4, flags).prop_map(|(labels, kind, (signatures, unchecked))| {
            let name = Name::from_labels(labels).unwrap();
            Question { signatures, unchecked, ..Question::plain(&name, kind.into()) }
        })
    }

    fn key(question: &Question) -> Vec<u8> {
        let mut key = Vec::new();
        question.write_key(&mut key);
        key
    }

    proptest! {
        #[test]
        fn keys_are_equal_where_questions_are(one in questions(), other in questions()) {
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }
    }
}
