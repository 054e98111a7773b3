//! Every id is a type of its own, so that a task's number cannot be passed for a sequence number.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! id {
    ($(#[doc = $doc:literal])+ $(#[derive($($derive:ident),+)])? $name:ident($inner:ty)) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize $($(, $derive)+)?)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        #[cfg(feature = "ssr")]
        impl crate::catalogue::schema::Described for $name {
            fn schema() -> serde_json::Value {
                use crate::catalogue::schema::{Described, about};
                about(<$inner as Described>::schema(), concat!($($doc),+))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A task's number, unique over all people.
    #[derive(Copy)]
    TaskId(i64)
);
id!(
    /// A person: "user-" and 32 hexadecimal digits. Names the person's stream and its Kafka key.
    UserId(String)
);
id!(
    /// A UUIDv7: sorts by time of birth.
    #[derive(Copy)]
    EventId(Uuid)
);
id!(
    /// A person's events are numbered 1, 2, 3 … without a gap; 0 is "none yet".
    #[derive(Copy, Default)]
    Seq(i64)
);
id!(
    /// What the person asked for, named by the client, so that asking twice does it once.
    #[derive(Copy)]
    CommandId(Uuid)
);
id!(
    /// One login; not the secret token, which only the cookie holds.
    SessionId(String)
);

impl Seq {
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl UserId {
    pub fn new() -> Self {
        UserId(format!("user-{}", Uuid::new_v4().simple()))
    }
}

impl Default for UserId {
    fn default() -> Self {
        Self::new()
    }
}

impl CommandId {
    pub fn new() -> Self {
        CommandId(Uuid::new_v4())
    }
}

impl Default for CommandId {
    fn default() -> Self {
        Self::new()
    }
}
