//! Erasure as staff ask for it (OP-4): two persons, a certificate, and nothing left of the account.

use contracts::common::v1::ImportOutcome;
use contracts::identity::v1::erasure_service_client::ErasureServiceClient;
use contracts::identity::v1::{
    ApproveErasureRequest, Erasure, ErasureGround, ErasureState, GetCertificateKeysRequest,
    GetErasureRequest, HoldReason, ListPendingErasuresRequest, PlaceLegalHoldRequest, RejectErasureRequest,
    ReleaseLegalHoldRequest, RequestErasureRequest,
};
use kernel::personal::Personal;
use kernel::{AccountId, EventId, SubjectId};
use privacy::seal_field;
use service::{ErasureCertificate, verify_certificate};
use testkit::wait_for;
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::world::{CODE, DEADLINE, PASSWORD, World, random, reason};

/// Who asks, and who approves.
pub(crate) const ASKS: &str = "S001";
pub(crate) const APPROVES: &str = "S002";

impl World {
    pub(crate) async fn erasures(&self) -> ErasureServiceClient<Channel> {
        ErasureServiceClient::connect(self.instance().url())
            .await
            .unwrap()
    }

    /// Somebody has sealed something for the subject, as endorsement does with a contract.
    pub(crate) async fn know(&self, subject: SubjectId) {
        self.keyring().seal_keys(&[subject].into()).await.unwrap();
    }

    pub(crate) async fn request_erasure(&self, by: &str, subject: SubjectId) -> Result<Erasure, Status> {
        let message = RequestErasureRequest {
            request_id: random().to_string(),
            subject_id: subject.to_string(),
            ground: ErasureGround::SubjectRequest.into(),
        };
        let request = self.as_staff(by, "supervisor", message);
        let answer = self.erasures().await.request_erasure(request).await?;
        Ok(answer.into_inner().erasure.unwrap())
    }

    pub(crate) async fn approve_erasure(
        &self,
        request_id: Uuid,
        by: &str,
        subject: SubjectId,
    ) -> Result<(Erasure, String), Status> {
        let message = ApproveErasureRequest {
            request_id: request_id.to_string(),
            subject_id: subject.to_string(),
        };
        let request = self.as_staff(by, "administrator", message);
        let answer = self.erasures().await.approve_erasure(request).await?.into_inner();
        Ok((answer.erasure.unwrap(), answer.consistency_token))
    }

    pub(crate) async fn look_at(&self, subject: SubjectId) -> Result<Erasure, Status> {
        let message = GetErasureRequest {
            subject_id: subject.to_string(),
        };
        let request = self.as_staff("S009", "supervisor", message);
        let answer = self.erasures().await.get_erasure(request).await?;
        Ok(answer.into_inner().erasure.unwrap())
    }

    pub(crate) async fn proven(&self, certificate: &str) -> ErasureCertificate {
        let keys = self.erasures().await;
        let keys = keys
            .clone()
            .get_certificate_keys(GetCertificateKeysRequest {})
            .await
            .unwrap()
            .into_inner();
        let keys = serde_json::from_str(&keys.jwks_json).unwrap();
        verify_certificate(certificate, &keys).unwrap()
    }

    /// Nothing of the account is left but pseudonyms, and its user ID is free.
    pub(crate) async fn is_gone(&self, account: AccountId) {
        let own = SubjectId::of_account(account);
        wait_for("the account to be closed", DEADLINE, async || {
            let gone = self.keyring().destroyed(&[own].into()).await.unwrap();
            (!gone.is_empty()).then_some(())
        })
        .await;
        wait_for("its erasure to be recorded", DEADLINE, async || {
            (self.events("subject.erased.v1", Some(own.as_uuid())).await == 1).then_some(())
        })
        .await;
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM identity.login_credential WHERE account_id = $1 AND password <> 'null')
                  + (SELECT count(*) FROM identity.known_address WHERE account_id = $1)",
        )
        .bind(account.as_uuid())
        .fetch_one(&self.database.pool)
        .await
        .unwrap();
        assert_eq!(left, 0, "its password's hash or an address is still there");
    }

    async fn pending(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let message = ListPendingErasuresRequest {
                page_size: 2,
                page_token,
            };
            let request = self.as_staff("S009", "supervisor", message);
            let page = self
                .erasures()
                .await
                .list_pending_erasures(request)
                .await
                .unwrap();
            let page = page.into_inner();
            found.extend(page.erasures.into_iter().map(|erasure| erasure.subject_id));
            if page.next_page_token.is_empty() {
                return found;
            }
            page_token = page.next_page_token;
        }
    }
}

/// At once: no session, no login, no e-mail address, and another may have the user ID.
async fn nothing_is_left(world: &World, subject: SubjectId, account: &str, refresh_token: &str) {
    assert_eq!(
        reason(world.refresh(refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
    assert_eq!(
        reason(world.login("a@example.jp", PASSWORD).await),
        "LOGIN_FAILED"
    );
    world.is_gone(account.parse().unwrap()).await;
    let own = SubjectId::of_account(account.parse().unwrap());
    let certificate = world.look_at(own).await.unwrap().certificate;
    assert_eq!(world.proven(&certificate).await.with_subject, Some(subject));
    let other = world.contract(2, CODE).await;
    world.register(&other, CODE, "a@example.jp").await.unwrap();
}

#[tokio::test]
async fn op_4_two_persons_erase_a_customer_and_a_certificate_proves_it() {
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    let subject = contract.subject;
    world.know(subject).await;
    let account = world.register(&contract, CODE, "a@example.jp").await.unwrap();
    let tokens = world.session("a@example.jp").await;
    let key = world.keyring().seal_keys(&[subject].into()).await.unwrap();
    let key = key.of_subject(subject).unwrap();

    let asked = world.request_erasure(ASKS, subject).await.unwrap();
    assert_eq!(asked.state(), ErasureState::Requested);
    assert_eq!(
        reason(world.approve_erasure(random(), ASKS, subject).await),
        "SECOND_PERSON_REQUIRED"
    );
    assert_eq!(
        world.look_at(subject).await.unwrap().state(),
        ErasureState::Requested
    );
    assert!(
        world
            .keyring()
            .destroyed(&[subject].into())
            .await
            .unwrap()
            .is_empty()
    );
    let id = random();
    let (erased, token) = world.approve_erasure(id, APPROVES, subject).await.unwrap();

    assert_eq!(erased.state(), ErasureState::Erased);
    assert!(token.starts_with("identity:"), "{token}");
    let proven = world.proven(&erased.certificate).await;
    assert_eq!(proven.sub, subject);
    assert_eq!(
        (proven.key_id, proven.key_digest),
        (key.id(), Some(hex::encode(key.digest())))
    );
    assert_eq!(
        (proven.requested_by.as_str(), proven.approved_by.as_str()),
        (ASKS, APPROVES)
    );
    assert_eq!(proven.destroyed_at.as_microsecond(), erased.destroyed_at_us);
    assert_eq!(
        (proven.algorithm.as_str(), proven.ground.as_str()),
        ("XC20P", "SUBJECT_REQUEST")
    );

    nothing_is_left(&world, subject, &account, &tokens.refresh_token).await;

    // A repeat says the same and does nothing.
    let (again, _) = world.approve_erasure(id, APPROVES, subject).await.unwrap();
    assert_eq!(again, erased);
    assert_eq!(
        world.events("subject.erased.v1", Some(subject.as_uuid())).await,
        1
    );
    assert_eq!(
        reason(world.request_erasure(ASKS, subject).await),
        "SUBJECT_ERASED"
    );
}

#[tokio::test]
async fn op_4_who_was_erased_neither_registers_nor_comes_back_by_an_import() {
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    world.know(contract.subject).await;
    world.request_erasure(ASKS, contract.subject).await.unwrap();
    world
        .approve_erasure(random(), APPROVES, contract.subject)
        .await
        .unwrap();
    assert_eq!(
        reason(world.register(&contract, CODE, "a@example.jp").await),
        "CONTRACT_NOT_ELIGIBLE"
    );
    // The row as it was imported before, and another.
    for code in [CODE, "K7QM-2XPD-9WTS"] {
        let results = world.import(vec![contract.row(code)]).await;
        assert_eq!(results[0].outcome(), ImportOutcome::Refused);
        let problem = &results[0].problems[0];
        assert_eq!(
            (&*problem.field, &*problem.reason),
            ("customer_number", "SUBJECT_ERASED")
        );
    }
}

/// The registration began before the erasure and ends after it.
#[tokio::test]
async fn op_4_a_registration_that_ends_after_the_erasure_is_erased_as_well() {
    const REGISTERED: &str = "account.registered.v1";
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    world.know(contract.subject).await;
    crate::holding::may_be_held(&world, &[REGISTERED]).await;
    let held = crate::holding::hold(&world, REGISTERED).await;
    let registering = world.register(&contract, CODE, "a@example.jp");
    let erasing = async {
        crate::holding::until_waiting(&world, REGISTERED).await;
        world.request_erasure(ASKS, contract.subject).await.unwrap();
        world
            .approve_erasure(random(), APPROVES, contract.subject)
            .await
            .unwrap();
        held.commit().await.unwrap();
    };
    let (account, ()) = tokio::join!(registering, erasing);
    world.is_gone(account.unwrap().parse().unwrap()).await;
    assert_eq!(
        reason(world.login("a@example.jp", PASSWORD).await),
        "LOGIN_FAILED"
    );
}

#[tokio::test]
async fn op_4_a_hold_refuses_with_its_reason_until_it_is_released() {
    let world = World::start().await;
    let subject = SubjectId::from_uuid(random());
    world.know(subject).await;
    let place = PlaceLegalHoldRequest {
        request_id: random().to_string(),
        subject_id: subject.to_string(),
        reason: HoldReason::Litigation.into(),
        reference: "2026-WA-1234".to_owned(),
    };
    let mut client = world.erasures().await;
    let place = || world.as_staff(ASKS, "supervisor", place.clone());
    let hold = client
        .place_legal_hold(place())
        .await
        .unwrap()
        .into_inner()
        .hold_id;
    assert_eq!(
        client
            .place_legal_hold(place())
            .await
            .unwrap()
            .into_inner()
            .hold_id,
        hold
    );
    let refused = world.request_erasure(ASKS, subject).await.unwrap_err();
    assert!(
        refused.message().contains("LITIGATION 2026-WA-1234"),
        "{refused:?}"
    );
    let holds = world.look_at(subject).await.unwrap().holds;
    assert_eq!(
        (holds.len(), &*holds[0].hold_id, &*holds[0].placed_by),
        (1, &*hold, ASKS)
    );
    let release = ReleaseLegalHoldRequest {
        request_id: random().to_string(),
        subject_id: subject.to_string(),
        hold_id: hold,
    };
    let release = world.as_staff(APPROVES, "supervisor", release);
    client.release_legal_hold(release).await.unwrap();
    world.request_erasure(ASKS, subject).await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_second_person_is_listed_until_it_is_decided() {
    let world = World::start().await;
    let mut subjects: Vec<_> = (0..5).map(|_| SubjectId::from_uuid(random())).collect();
    for subject in &subjects {
        world.know(*subject).await;
        world.request_erasure(ASKS, *subject).await.unwrap();
        world.advance(1);
    }
    let ids = |subjects: &[SubjectId]| subjects.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(world.pending().await, ids(&subjects));
    world
        .approve_erasure(random(), APPROVES, subjects[3])
        .await
        .unwrap();
    let reject = RejectErasureRequest {
        request_id: random().to_string(),
        subject_id: subjects[0].to_string(),
    };
    let reject = world.as_staff(ASKS, "supervisor", reject);
    let rejected = world.erasures().await.reject_erasure(reject).await.unwrap();
    assert_eq!(rejected.into_inner().erasure.unwrap().state(), ErasureState::Kept);
    subjects.remove(3);
    subjects.remove(0);
    assert_eq!(world.pending().await, ids(&subjects));
}

/// OP-3: adjusters and operators at the call centre erase nobody.
#[tokio::test]
async fn erasure_is_for_supervisors_and_administrators() {
    let world = World::start().await;
    let subject = SubjectId::from_uuid(random());
    world.know(subject).await;
    for role in ["adjuster", "call_centre"] {
        let message = RequestErasureRequest {
            request_id: random().to_string(),
            subject_id: subject.to_string(),
            ground: ErasureGround::Unlawful.into(),
        };
        let request = world.as_staff(ASKS, role, message);
        assert_eq!(
            reason(world.erasures().await.request_erasure(request).await),
            "CALLER_NOT_ALLOWED"
        );
    }
}

/// What was sealed for the subject anywhere reads as erased from the answer on.
#[tokio::test]
async fn op_4_what_was_sealed_reads_as_erased() {
    let world = World::start().await;
    let subject = SubjectId::from_uuid(random());
    let (keyring, event) = (world.keyring(), EventId::from_uuid(random()));
    let keys = keyring.seal_keys(&[subject].into()).await.unwrap();
    let field = seal_field(&keys, event, "/name", subject, b"\"Test\"").unwrap();
    world.request_erasure(ASKS, subject).await.unwrap();
    world.approve_erasure(random(), APPROVES, subject).await.unwrap();
    let opened: Personal<String> = world.keyring().open(event, &field).await.unwrap();
    assert_eq!(opened, Personal::Erased { subject });
}

/// The keyring alone was restored from a copy that is older than the erasure.
#[tokio::test]
async fn op_4_a_key_that_came_back_is_destroyed_when_the_erasures_are_read_anew() {
    let mut world = World::start().await;
    let subject = SubjectId::from_uuid(random());
    world.keyring().seal_keys(&[subject].into()).await.unwrap();
    let keys = world.keys.pool.clone();
    sqlx::query("CREATE TABLE copy AS SELECT * FROM keyring.subject_key")
        .execute(&keys)
        .await
        .unwrap();
    world.request_erasure(ASKS, subject).await.unwrap();
    world.approve_erasure(random(), APPROVES, subject).await.unwrap();
    // A step of the reaction that is still under way would destroy the restored key behind this test's back.
    wait_for("the reaction to be through", DEADLINE, async || {
        let query =
            "SELECT count(*) FROM service.reaction_checkpoint c JOIN store.event e ON e.event_id = c.event_id
                     WHERE c.reaction = 'identity-erasure' AND e.type = 'subject.erased.v1'";
        let through: i64 = sqlx::query_scalar(query)
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
        (through == 1).then_some(())
    })
    .await;
    world.kill();
    sqlx::raw_sql("DELETE FROM keyring.subject_key; INSERT INTO keyring.subject_key SELECT * FROM copy")
        .execute(&keys)
        .await
        .unwrap();
    let gone = world.keyring().destroyed(&[subject].into()).await.unwrap();
    assert!(gone.is_empty(), "the copy has it");
    sqlx::query("DELETE FROM service.reaction_checkpoint WHERE reaction = 'identity-erasure'")
        .execute(&world.database.pool)
        .await
        .unwrap();
    world.start_again().await;
    wait_for("the key to be destroyed again", DEADLINE, async || {
        let destroyed = world.keyring().destroyed(&[subject].into()).await.unwrap();
        destroyed.contains(&subject).then_some(())
    })
    .await;
}
