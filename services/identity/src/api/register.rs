//! Registration by route A (ID-1 to ID-4, ID-8): the code is checked first and at the same cost for everyone; what is
//! wrong with the contract is told only to someone who gave the right code.

use std::collections::BTreeSet;

use contracts::identity::v1::{
    RegisterWithInitialCredentialsRequest, RegisterWithInitialCredentialsResponse,
};
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::Request as Command;
use kernel::{AccountId, ContractId, InitialCode};
use rulebook::RegistrationRoute;
use service::{ClientAddress, CommandError, client_address, command_scoped, consistency_token, refuse};
use subtle::ConstantTimeEq as _;
use tonic::{Request, Response, Status};

use super::Api;
use super::login::turned_away;
use super::parse::{self, Registration};
use crate::domain::account::StartRegistration;
use crate::domain::attempts::Outcome;
use crate::domain::entitlement::IssuedCode;
use crate::domain::password::{Password, Salt};
use crate::domain::{
    Account, AccountCommand, CodeVerifier, Entitlement, EntitlementRejection, PasswordHash, ReservationId,
};
use crate::publish::publish;
use crate::random;
use crate::throttle::Guest;

pub(super) async fn register(
    api: &Api,
    request: Request<RegisterWithInitialCredentialsRequest>,
) -> Result<Response<RegisterWithInitialCredentialsResponse>, Status> {
    let address = client_address(&request);
    let user = api.secrets.initial_user(&request.get_ref().initial_user_id);
    let (message, envelope) = envelope(api, request, user);
    let (envelope, bad_id) = match envelope {
        Ok(envelope) => (Some(envelope), None),
        Err(CommandError::Refused(problem)) => (None, Some(problem)),
        Err(error @ CommandError::WithoutRule) => return Err(refuse(error)),
    };
    let typed = parse::registration(&message, &api.context.rulebook, api.now(), bad_id).map_err(refuse)?;
    let Some(envelope) = envelope else {
        return Err(refuse(Problem::new(
            ProblemKind::InvalidArgument,
            "REQUEST_ID_REQUIRED",
        )));
    };

    let account = AccountId::from_uuid(envelope.key.derive_id("account"));
    let (contract, issued) = prove(api, user, &typed.code, (account, address)).await?;
    parse::password_without(&typed.password, &issued.policy_number).map_err(refuse)?;
    let password = password_of(api, account, &typed).await?;
    let start = StartRegistration {
        account,
        contract,
        subject: issued.subject,
        route: RegistrationRoute::A,
        reservation: api.secrets.user_id(&typed.email),
        email: typed.email,
        password,
        at: envelope.at,
    };
    let start = AccountCommand::StartRegistration(Box::new(start));
    let started = api
        .accounts
        .execute(account, &envelope, start)
        .await
        .map_err(refuse)?;
    let intent = started.events.first().map(|intent| intent.recorded.id);
    let intent =
        intent.ok_or_else(|| refuse(crate::domain::AccountRejection::RegistrationEnded.explain()))?;
    let outcome = api
        .registrar
        .finish(account, intent, &envelope)
        .await
        .map_err(refuse)?;
    Ok(Response::new(RegisterWithInitialCredentialsResponse {
        account_id: account.to_string(),
        consistency_token: consistency_token(api.context.name, publish, &outcome.events),
    }))
}

/// The command's envelope. Its payload hash leaves the two secrets out: it is quick to compute, and stored, so it would
/// undo what slow hashing is for. A retry with another password is told by the password's own hash.
fn envelope(
    api: &Api,
    request: Request<RegisterWithInitialCredentialsRequest>,
    user: ReservationId,
) -> (
    RegisterWithInitialCredentialsRequest,
    Result<Command, CommandError>,
) {
    let (metadata, extensions, message) = request.into_parts();
    let without_secrets = RegisterWithInitialCredentialsRequest {
        initial_password: String::new(),
        password: String::new(),
        ..message.clone()
    };
    let request = Request::from_parts(metadata, extensions, without_secrets);
    let command = command_scoped(
        &api.context,
        &user.as_uuid().to_string(),
        &request,
        &message.request_id,
    );
    (message, command)
}

/// The contract the typed code is right for. Unknown user ID and wrong code: one answer after one query and one hash.
async fn prove(
    api: &Api,
    user: ReservationId,
    code: &InitialCode,
    (account, address): (AccountId, ClientAddress),
) -> Result<(ContractId, IssuedCode), Status> {
    api.hashing.room().map_err(|busy| refuse(busy.explain()))?;
    // Nobody is known before there is an account.
    let guest = Guest {
        credential: user,
        address,
        device: None,
        address_known: false,
    };
    let attempt = api.throttle.admit(&guest).await.map_err(refuse)?;
    let candidates = api.credentials.of_initial_user(user).await.map_err(refuse)?;
    let slow_cost = candidates.iter().find_map(|(_, verifier)| match verifier {
        CodeVerifier::Slow(hash) => Some(hash.cost),
        CodeVerifier::Masked | CodeVerifier::Keyed(_) => None,
    });
    let cost = slow_cost.unwrap_or(api.hashing.cost());
    let slow = match api
        .hashing
        .hash(Password::typed(code.reveal()), api.secrets.code_salt(user), cost)
        .await
    {
        Ok(slow) => slow,
        Err(busy) => return Err(turned_away(api, attempt, busy).await),
    };
    let keyed = api.secrets.code(user, code);
    let is_right = |verifier: &CodeVerifier| match verifier {
        CodeVerifier::Masked => false,
        CodeVerifier::Keyed(hash) => hash.as_bytes().ct_eq(keyed.as_bytes()).into(),
        CodeVerifier::Slow(hash) => hash.cost == cost && hash.hash.as_bytes().ct_eq(slow.as_bytes()).into(),
    };
    let right: Vec<_> = candidates
        .into_iter()
        .filter(|(_, verifier)| is_right(verifier))
        .collect();
    let found = admitted(api, right, account).await?;
    let outcome = if found.is_some() {
        Outcome::Right
    } else {
        Outcome::Wrong
    };
    api.throttle.settle(attempt, outcome).await.map_err(refuse)?;
    let found = found.ok_or_else(|| refuse(EntitlementRejection::NoCode.explain()))?;
    let (contract, entitlement, issued) = found;
    // Asked of the keyring itself, which knows of an erasure before anybody else (OP-4).
    let policyholder = BTreeSet::from([issued.subject]);
    let erased = api
        .context
        .keyring
        .destroyed(&policyholder)
        .await
        .map_err(refuse)?;
    if !erased.is_empty() {
        let not_eligible = EntitlementRejection::NotEligible(vec!["SUBJECT_ERASED"]);
        return Err(refuse(not_eligible.explain()));
    }
    entitlement
        .admits(account, &api.context.rulebook.registration)
        .map_err(|rejection| refuse(rejection.explain()))?;
    Ok((contract, issued))
}

/// Of the contracts the code is right for, the first that can be registered, else the first: branches of one policy may
/// share their code. The stream has the last word on which code is in force.
async fn admitted(
    api: &Api,
    right: Vec<(ContractId, CodeVerifier)>,
    account: AccountId,
) -> Result<Option<(ContractId, Entitlement, IssuedCode)>, Status> {
    let mut first = None;
    for (contract, verifier) in right {
        let entitlement = api.entitlements.load(contract).await.map_err(refuse)?.state;
        let Some(issued) = entitlement
            .issued()
            .filter(|issued| issued.verifier == verifier)
            .cloned()
        else {
            continue;
        };
        let admits = entitlement
            .admits(account, &api.context.rulebook.registration)
            .is_ok();
        let found = (contract, entitlement, issued);
        if admits {
            return Ok(Some(found));
        }
        first = first.or(Some(found));
    }
    Ok(first)
}

/// The hash of the chosen password; on a retry the one recorded, if the password is the same.
async fn password_of(api: &Api, account: AccountId, typed: &Registration) -> Result<PasswordHash, Status> {
    let recorded = match api.accounts.load(account).await.map_err(refuse)?.state {
        Account::Unknown | Account::Closed(_) => {
            let hashed = api
                .hashing
                .hash_new(typed.password.clone(), Salt(*random::secret()))
                .await;
            return hashed.map_err(|busy| refuse(busy.explain()));
        }
        Account::Registering(registration) | Account::Refused(registration, _) => registration.password,
        Account::Registered(holder) => holder.password,
    };
    let again = api
        .hashing
        .hash(typed.password.clone(), recorded.salt, recorded.cost)
        .await;
    let again = again.map_err(|busy| refuse(busy.explain()))?;
    if again == recorded.hash {
        Ok(recorded)
    } else {
        Err(refuse(Problem::new(
            ProblemKind::FailedPrecondition,
            "REQUEST_ID_REUSED",
        )))
    }
}
