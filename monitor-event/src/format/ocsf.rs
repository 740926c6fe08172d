//! Open Cybersecurity Schema Framework: what data lakes and SIEMs share.
//!
//! A denial is the activity that was attempted, in the class of its object, with what the `security_control` profile
//! says of the outcome. What OCSF has no attribute for stands under `unmapped` ([`Unmapped`]).

mod actor;
mod class;
mod target;
mod unmapped;

use jiff::Timestamp;
use serde::Serialize;

use self::{
    actor::Actor,
    class::{Class, INVOKE, OTHER},
    target::Target,
    unmapped::Unmapped,
};
use crate::{
    event::{Action, Event, Kind as EventKind, Module, Verdict},
    format::{Joined, PRODUCT, PRODUCT_VERSION, Shown, activity::Activity, message::Message},
};

/// The version of OCSF whose classes these are.
const VERSION: &str = "1.7.0";

/// An event as OCSF has it.
#[derive(Serialize)]
pub(super) struct OcsfEvent<'e> {
    metadata: Metadata,
    time: i64,
    time_dt: Timestamp,
    category_uid: u32,
    class_uid: u32,
    activity_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity_name: Option<Shown<Joined<'e>>>,
    type_uid: u32,
    severity_id: u32,
    message: Shown<Message<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<Shown<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    device: Device<'e>,
    actor: Actor<'e>,
    #[serde(flatten)]
    target: Target<'e>,
    unmapped: Unmapped<'e>,
}

impl<'e> OcsfEvent<'e> {
    pub(super) fn new(event: &'e Event<'e>) -> Self {
        let action = &event.action;
        let target = Target::new(event);
        let class = target.class();
        let activity_id = match class {
            Class::Kernel if action.syscall.is_some() => INVOKE,
            class => class.activity(activity(event)),
        };
        let outcome = event.verdict.map(Outcome::new);
        Self {
            metadata: Metadata::new(event),
            time: event.time.as_millisecond(),
            time_dt: event.time,
            category_uid: class.uid() / 1000,
            class_uid: class.uid(),
            activity_id,
            activity_name: (activity_id == OTHER).then(|| activity_name(action)).flatten(),
            type_uid: class.uid() * 100 + activity_id,
            // "Informational": denyd doesn't rate what it reports.
            severity_id: 1,
            message: Shown(Message(event)),
            status_id: match event.kind {
                EventKind::Denial => outcome.as_ref().map(|outcome| outcome.status),
                EventKind::Policy => Some(SUCCESS),
            },
            status_code: action.errno.map(Shown),
            status_detail: action.info.as_deref(),
            action_id: outcome.as_ref().map(|outcome| outcome.action),
            disposition_id: outcome.as_ref().map(|outcome| outcome.disposition),
            policy: outcome.is_some().then_some(Policy { name: event.module }),
            device: Device { hostname: &event.host, type_id: 0, os: Os { name: "Linux", type_id: 200 } },
            actor: Actor::new(event),
            target,
            unmapped: Unmapped(event),
        }
    }
}

/// What was attempted, or done to a policy.
fn activity(event: &Event<'_>) -> Option<Activity> {
    match event.kind {
        EventKind::Denial => Activity::new(&event.action),
        EventKind::Policy => Some(Activity::of_changes(&event.changes)),
    }
}

/// The module's own words for an activity.
fn activity_name<'e>(action: &'e Action<'e>) -> Option<Shown<Joined<'e>>> {
    let parts = match &action.permissions[..] {
        [] => action.operation.as_slice(),
        permissions => permissions,
    };
    (!parts.is_empty()).then_some(Shown(Joined { parts, separator: ", " }))
}

const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;

/// What the profile `security_control` says of a verdict.
struct Outcome {
    status: u32,
    action: u32,
    disposition: u32,
}

impl Outcome {
    fn new(verdict: Verdict) -> Self {
        match verdict {
            // Denied, and blocked.
            Verdict::Denied => Self { status: FAILURE, action: 2, disposition: 2 },
            // Allowed, and logged.
            Verdict::Permitted => Self { status: SUCCESS, action: 1, disposition: 17 },
        }
    }
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    product: Product,
    log_provider: Module,
    profiles: &'static [&'static str],
    extensions: [Extension; 1],
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Extension {
    name: &'static str,
    uid: &'static str,
    version: &'static str,
}

impl Metadata {
    fn new(event: &Event<'_>) -> Self {
        Self {
            version: VERSION,
            product: Product { name: PRODUCT, vendor_name: PRODUCT, version: PRODUCT_VERSION },
            log_provider: event.module,
            profiles: match event.kind {
                EventKind::Denial => {
                    &["container", "datetime", "host", "linux/linux_users", "security_control"]
                }
                EventKind::Policy => &["container", "datetime", "host", "linux/linux_users"],
            },
            extensions: [Extension { name: "linux", uid: "1", version: VERSION }],
        }
    }
}

/// The policy that was asked: its module's.
#[derive(Serialize)]
struct Policy {
    name: Module,
}

#[derive(Serialize)]
struct Device<'e> {
    hostname: &'e str,
    type_id: u32,
    os: Os,
}

#[derive(Serialize)]
struct Os {
    name: &'static str,
    type_id: u32,
}
