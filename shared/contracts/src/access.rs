//! Who may call what: the one table every service's door obeys. A test goes through the descriptor set and fails for an
//! RPC without a row. Ownership (whose contract) is checked behind the door; somebody else's object answers `NOT_FOUND`.

/// What a staff member may be (rule OP-3), as mapped from the insurer's identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StaffRole {
    /// Handles claims (事故担当者).
    Adjuster,
    /// Leads adjusters.
    Supervisor,
    /// Call-centre operator.
    CallCentre,
    /// Imports, rebuilds, operates.
    Administrator,
}

/// A kind of caller that a row admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Anyone, with or without a token.
    Anyone,
    /// A logged-in policyholder.
    Customer,
    /// Staff with one of these roles.
    Staff(&'static [StaffRole]),
    /// A peer of one of these names, by bearer secret.
    Peer(&'static [&'static str]),
}

/// One RPC's row.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Path as gRPC sends it.
    pub rpc: &'static str,
    /// Who may call it.
    pub allowed: &'static [Allowed],
    /// Whether customers may call it during the weekly maintenance (OP-1): data of uploads already started, and keys.
    pub during_maintenance: bool,
    /// Waits or streams longer than the default deadline.
    pub long_running: bool,
}

/// Peers that stand between callers and services, and may say which address a call came from (ADR 0034).
pub const FORWARDERS: &[&str] = &["web"];

/// Our own services, calling each other and each other's feeds.
const SERVICES: Allowed = Allowed::Peer(&[
    "identity",
    "endorsement",
    "claim-images",
    "phone-verification",
    "views",
]);
/// Peers that report calls (PV-14).
const CARRIERS: Allowed = Allowed::Peer(&["carrier"]);
const ADMINISTRATORS: Allowed = Allowed::Staff(&[StaffRole::Administrator]);
const CALL_CENTRE: Allowed = Allowed::Staff(&[StaffRole::CallCentre]);
/// Who may have a person erased (OP-4); which two of them is decided behind the door.
const ERASURE_STAFF: Allowed = Allowed::Staff(&[StaffRole::Supervisor, StaffRole::Administrator]);
const CLAIMS_STAFF: Allowed = Allowed::Staff(&[StaffRole::Adjuster, StaffRole::Supervisor]);
const ANY_STAFF: Allowed = Allowed::Staff(&[
    StaffRole::Adjuster,
    StaffRole::Supervisor,
    StaffRole::CallCentre,
    StaffRole::Administrator,
]);

const fn rule(rpc: &'static str, allowed: &'static [Allowed]) -> Rule {
    Rule {
        rpc,
        allowed,
        during_maintenance: false,
        long_running: false,
    }
}

impl Rule {
    const fn during_maintenance(self) -> Self {
        Self {
            during_maintenance: true,
            ..self
        }
    }

    const fn long_running(self) -> Self {
        Self {
            long_running: true,
            ..self
        }
    }
}

/// The table.
pub const TABLE: &[Rule] = &[
    rule("/madoguchi.feed.v1.FeedService/Read", &[SERVICES]),
    rule("/madoguchi.feed.v1.FeedService/Get", &[SERVICES]),
    rule("/madoguchi.feed.v1.FeedService/GetSigningKeys", &[SERVICES]),
    // every service
    rule(
        "/madoguchi.admin.v1.SetAsideAdminService/ListSetAside",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.admin.v1.SetAsideAdminService/RetrySetAside",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.admin.v1.SetAsideAdminService/GiveUpSetAside",
        &[ADMINISTRATORS],
    )
    .long_running(),
    // every service that listens to others
    rule(
        "/madoguchi.admin.v1.ParkingAdminService/ListParked",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.admin.v1.ParkingAdminService/GetParked",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.admin.v1.ParkingAdminService/ReplayParked",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.admin.v1.ParkingAdminService/DiscardParked",
        &[ADMINISTRATORS],
    )
    .long_running(),
    // identity
    rule(
        "/madoguchi.identity.v1.IdentityService/DescribeRegistration",
        &[Allowed::Anyone],
    ),
    rule(
        "/madoguchi.identity.v1.IdentityService/RegisterWithInitialCredentials",
        &[Allowed::Anyone],
    ),
    rule("/madoguchi.identity.v1.IdentityService/Login", &[Allowed::Anyone]),
    rule(
        "/madoguchi.identity.v1.IdentityService/CompleteLogin",
        &[Allowed::Anyone],
    )
    .long_running(),
    rule(
        "/madoguchi.identity.v1.IdentityService/Refresh",
        &[Allowed::Anyone],
    ),
    rule(
        "/madoguchi.identity.v1.IdentityService/Logout",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.identity.v1.IdentityService/GetAccount",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.identity.v1.IdentityService/GetKeys",
        &[Allowed::Anyone],
    )
    .during_maintenance(),
    rule(
        "/madoguchi.identity.v1.IdentityService/ImportInitialCredentials",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.identity.v1.ErasureService/RequestErasure",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/ApproveErasure",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/RejectErasure",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/PlaceLegalHold",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/ReleaseLegalHold",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/GetErasure",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/ListPendingErasures",
        &[ERASURE_STAFF],
    ),
    rule(
        "/madoguchi.identity.v1.ErasureService/GetCertificateKeys",
        &[Allowed::Anyone],
    ),
    rule(
        "/madoguchi.identity.v1.KeyringService/RewrapKeys",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.identity.v1.KeyringService/GetKeyringStatus",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.identity.v1.SigningKeyService/RotateSigningKeys",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.identity.v1.SigningKeyService/GetSigningKeyStatus",
        &[ADMINISTRATORS],
    ),
    // phone verification; challenges are named by the signed login token in the request
    rule(
        "/madoguchi.phone_verification.v1.PhoneVerificationService/OpenChallenge",
        &[Allowed::Anyone],
    ),
    rule(
        "/madoguchi.phone_verification.v1.PhoneVerificationService/GetChallenge",
        &[Allowed::Anyone],
    )
    .long_running(),
    rule(
        "/madoguchi.phone_verification.v1.PhoneVerificationService/ReportCall",
        &[CARRIERS],
    ),
    // endorsement
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/ImportContracts",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/CheckPolicies",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/ListDifferences",
        &[ADMINISTRATORS, CALL_CENTRE],
    ),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/GetContract",
        &[Allowed::Customer, ANY_STAFF],
    ),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/PrepareEndorsement",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/SubmitEndorsement",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/WithdrawEndorsement",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.endorsement.v1.EndorsementService/GetEndorsement",
        &[Allowed::Customer, ANY_STAFF],
    ),
    // claim images
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/ImportAccidents",
        &[ADMINISTRATORS],
    )
    .long_running(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/StartUpload",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/WriteUpload",
        &[Allowed::Customer],
    )
    .during_maintenance()
    .long_running(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/QueryUpload",
        &[Allowed::Customer],
    )
    .during_maintenance(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/FinishUpload",
        &[Allowed::Customer],
    )
    .during_maintenance()
    .long_running(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/AbortUpload",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/SendSubmission",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/MarkSubmissionSeen",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/GetDerivative",
        &[Allowed::Customer, CLAIMS_STAFF],
    )
    .long_running(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/GetDerivatives",
        &[Allowed::Customer, CLAIMS_STAFF],
    )
    .long_running(),
    rule(
        "/madoguchi.claim_images.v1.ClaimImagesService/DownloadOriginal",
        &[CLAIMS_STAFF],
    )
    .long_running(),
    // views
    rule(
        "/madoguchi.views.v1.CustomerViewService/ListContracts",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.CustomerViewService/ListAccidents",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.CustomerViewService/GetAccident",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.CustomerViewService/ListOwnSubmissions",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.CustomerViewService/ListRequests",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.CustomerViewService/ListReminders",
        &[Allowed::Customer],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/ListQueue",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/SearchAccidents",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/GetAccidentFile",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/ListGallery",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/ListSubmissions",
        &[CLAIMS_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.AdjusterViewService/ListTimeline",
        &[ANY_STAFF],
    ),
    rule(
        "/madoguchi.views.v1.ViewsAdminService/RebuildViews",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.views.v1.ViewsAdminService/AuditViews",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.views.v1.ViewsAdminService/CancelViewsRun",
        &[ADMINISTRATORS],
    ),
    rule(
        "/madoguchi.views.v1.ViewsAdminService/GetViewsStatus",
        &[ADMINISTRATORS],
    ),
    // the standard services of every server
    rule("/grpc.health.v1.Health/Check", &[Allowed::Anyone]).during_maintenance(),
    rule("/grpc.health.v1.Health/Watch", &[Allowed::Anyone])
        .during_maintenance()
        .long_running(),
    rule(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        &[Allowed::Anyone],
    )
    .during_maintenance()
    .long_running(),
    rule(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        &[Allowed::Anyone],
    )
    .during_maintenance()
    .long_running(),
];

/// The row of an RPC; an RPC without one is refused at the door.
pub fn rule_of(path: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.rpc == path)
}

/// The path of the RPC with this name, for programs that name one.
///
/// # Panics
/// For a name that no row has, or several: evaluated as a constant it does not compile.
#[allow(clippy::panic, reason = "while compiling")]
pub const fn path_of(method: &str) -> &'static str {
    let (mut found, mut row) = (None, 0);
    while row < TABLE.len() {
        let path = TABLE[row].rpc;
        if is_method(path.as_bytes(), method.as_bytes()) {
            assert!(found.is_none(), "several RPCs have this name");
            found = Some(path);
        }
        row += 1;
    }
    match found {
        Some(path) => path,
        None => panic!("no RPC has this name"),
    }
}

/// Whether a path ends in a slash and this name.
const fn is_method(path: &[u8], method: &[u8]) -> bool {
    if path.len() <= method.len() {
        return false;
    }
    let start = path.len() - method.len();
    let mut at = 0;
    while at < method.len() {
        if path[start + at] != method[at] {
            return false;
        }
        at += 1;
    }
    path[start - 1] == b'/'
}
