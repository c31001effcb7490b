//! Places where files are judged: nobody takes them all.

use contracts::claim_images::v1 as proto;
use harness::assert_refused;
use testkit::{photos, wait_for};
use tonic::Code::ResourceExhausted;

use crate::world::{HOLDER, SOON, STRANGER, World, chunks, finishing};

/// A child of the same user reads what it can of a process that is dumpable.
#[tokio::test]
async fn the_service_s_memory_is_hidden_once_it_serves() {
    let _world = World::new().await;
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
}

/// What takes a decoder for ever, again and again, by one customer: another customer's picture is judged meanwhile.
#[tokio::test]
async fn ci_4_one_account_holds_one_judging_place() {
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let real = env!("CARGO_BIN_EXE_madoguchi-claim-images");
    let script = format!(
        "if [ $1 = decode ] && mkdir {} 2>/dev/null; then while :; do :; done; fi\nexec {real} \"$@\"",
        begun.display()
    );
    let program = testkit::program(folder.path(), &script).unwrap();
    let world = World::with(&[
        ("decoder_program", program.display().to_string().into()),
        ("decoders", 2.into()),
        ("decoder_wait_s", 1.into()),
    ])
    .await;
    let file = photos::tower().unwrap();
    let (first, second) = (world.started(file.len()).await, world.started(file.len()).await);
    for upload_id in [&first, &second] {
        world.write(HOLDER, chunks(upload_id, &file, 0)).await.unwrap();
    }
    let others = async {
        wait_for("the first to be judged", SOON, async || {
            begun.exists().then_some(())
        })
        .await;
        let refused = world.finish(HOLDER, finishing(&second, &file)).await;
        (refused, world.hand_in_by(STRANGER, "K26000002", &file).await)
    };
    tokio::select! {
        answer = world.finish(HOLDER, finishing(&first, &file)) => panic!("it hangs: {answer:?}"),
        (refused, others) = others => {
            assert_refused(refused, ResourceExhausted, "DECODERS_BUSY");
            assert_eq!(others.state(), proto::ImageState::Received);
        }
    }
}
