//! What the page needs to edit a design: the file as a tree and back, its problems, its papers, tables into it, and the draft
//! that lies on the box meanwhile. Every rule is the design room's; here is only the way to it.

mod draft;
mod kept;
mod papers;
mod tables;
mod tools;
mod tree;

pub(crate) use self::kept::{Drafts, settled};
use crate::{
    access::{Entry, Role, Verb, Who, route},
    router::Handler,
};

/// Who edits.
const EDITORS: Who = Who::Roles(&[Role::Administrator, Role::Operator, Role::Engineer]);

/// The routes.
#[rustfmt::skip]
pub(crate) const ENTRIES: &[Entry] = &[
    route(Verb::Post, "/api/design/parse", Who::SignedIn, "gives a site design as a tree").large(),
    route(Verb::Post, "/api/design/print", Who::SignedIn, "gives a tree as a site design in canonical form").large(),
    route(Verb::Post, "/api/design/check", Who::SignedIn, "tells every problem of a design, and who holds which global address").large(),
    route(Verb::Post, "/api/design/compare", Who::SignedIn, "tells what is different between two designs").large(),
    route(Verb::Post, "/api/design/sheet", Who::SignedIn, "makes a paper of a design").large(),
    route(Verb::Post, "/api/design/import", EDITORS, "puts the rows of a table into a site design").large(),
    route(Verb::Get, "/api/design/draft", Who::SignedIn, "gives the draft that lies on the box, and who edits it").unattended(),
    route(Verb::Put, "/api/design/draft", EDITORS, "keeps a draft on the box, for one editor at a time").large().changing(),
    route(Verb::Delete, "/api/design/draft", EDITORS, "drops the draft").changing(),
];

pub(crate) fn handlers() -> Vec<Handler> {
    [tools::handlers(), papers::handlers(), tables::handlers(), kept::handlers()]
        .into_iter()
        .flatten()
        .collect()
}
