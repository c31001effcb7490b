//! The server in process as another client meets it than our backend: the library itself, asked for what we never ask.

use eventstore::{
    AppendToStreamOptions, Client, EventData, ExpectedRevision, ReadEvent, ReadStreamOptions, StreamMetadata,
    StreamPosition,
};
use kurrentdb_fake::KurrentDb;

async fn client() -> (KurrentDb, Client) {
    let server = KurrentDb::start().await.unwrap();
    let client = Client::new(server.url().parse().unwrap()).unwrap();
    (server, client)
}

/// Appends so many events to a new stream.
async fn begin(client: &Client, stream: &str, count: u8) {
    let events: Vec<EventData> = (0..count)
        .map(|number| EventData::binary("counted", vec![number].into()))
        .collect();
    let new = AppendToStreamOptions::default().expected_revision(ExpectedRevision::NoStream);
    client.append_to_stream(stream, &new, events).await.unwrap();
}

/// What a read from the start gives: revisions, and where the stream is said to begin and to end.
async fn read(client: &Client, stream: &str, count: usize) -> (Vec<u64>, Option<u64>, Option<u64>) {
    let options = ReadStreamOptions::default()
        .position(StreamPosition::Start)
        .max_count(count);
    let mut answers = client.read_stream(stream, &options).await.unwrap();
    let (mut revisions, mut first, mut last) = (Vec::new(), None, None);
    while let Some(answer) = answers.next_read_event().await.unwrap() {
        match answer {
            ReadEvent::Event(event) => revisions.push(event.get_original_event().revision),
            ReadEvent::FirstStreamPosition(position) => first = Some(position),
            ReadEvent::LastStreamPosition(position) => last = Some(position),
            ReadEvent::LastAllStreamPosition(_) => panic!("a stream is no log"),
        }
    }
    (revisions, first, last)
}

#[tokio::test]
async fn an_append_without_events_is_answered_and_makes_no_stream() {
    let (_server, client) = client().await;
    for expected in [ExpectedRevision::NoStream, ExpectedRevision::Any] {
        let options = AppendToStreamOptions::default().expected_revision(expected);
        client
            .append_to_stream("empty", &options, Vec::<EventData>::new())
            .await
            .unwrap();
    }
    let mut read = client
        .read_stream("empty", &ReadStreamOptions::default())
        .await
        .unwrap();
    assert_eq!(read.next().await.unwrap_err().to_string(), not_found());
    begin(&client, "empty", 1).await;
}

fn not_found() -> String {
    eventstore::Error::ResourceNotFound.to_string()
}

#[tokio::test]
async fn metadata_limit_what_is_read_and_the_places_of_the_stream_are_told() {
    let (_server, client) = client().await;
    begin(&client, "limited", 5).await;
    assert_eq!(read(&client, "limited", 2).await, (vec![0, 1], None, Some(4)));
    let metadata = StreamMetadata {
        max_count: Some(2),
        ..StreamMetadata::default()
    };
    client
        .set_stream_metadata("limited", &AppendToStreamOptions::default(), &metadata)
        .await
        .unwrap();
    // A first page that holds nothing any more names the page that does.
    assert_eq!(read(&client, "limited", 2).await, (vec![3, 4], Some(3), Some(4)));
    assert_eq!(read(&client, "limited", 9).await, (vec![3, 4], None, Some(4)));
}

#[tokio::test]
async fn metadata_that_would_not_be_applied_are_refused() {
    let (_server, client) = client().await;
    begin(&client, "secret", 1).await;
    let metadata = StreamMetadata {
        cache_control: Some(std::time::Duration::from_secs(10)),
        ..StreamMetadata::default()
    };
    let refused = client
        .set_stream_metadata("secret", &AppendToStreamOptions::default(), &metadata)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, eventstore::Error::UnsupportedFeature),
        "{refused}"
    );
    assert_eq!(read(&client, "secret", 9).await, (vec![0], None, Some(0)));
}
