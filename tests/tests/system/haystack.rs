//! Everything a stack has written down: the rows of every database, JetStream's files, logs, spool and originals. View
//! tables are left out, because staff search them; they are rebuilt at will.

use dev::stack::Stack;
use testkit::search::{Place, files, tables};

/// The schema whose plaintext is its purpose.
const VIEWS: &str = "view";

pub(crate) async fn everything(stack: &Stack) -> Vec<Place> {
    let mut places = Vec::new();
    for (database, url) in &stack.description().databases {
        places.extend(tables(database, url, &[VIEWS]).await.unwrap());
    }
    let folder = stack.folder();
    places.extend(files(&stack.description().nats_store).unwrap());
    for part in ["logs", "services", "nats/nats.log", "postgres/postgres.log"] {
        places.extend(files(&folder.file(part)).unwrap());
    }
    places
}
