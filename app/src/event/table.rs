//! What makes one line and one struct of `event.rs` an event type.

/// Makes [`EventType`](super::EventType) and [`EventData`](super::EventData) of the table: a line
/// says in its comment what happened, then the type's name here, the struct of its data, its name in
/// the contract, and which fields of the data tell when it happened and which task it is about; at
/// last the schema version, once that is no longer the first.
macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident($data:ident) = $name:literal {
            at: $at:ident $(, task: $task:ident)? $(, version: $version:literal)?
        },
    )*) => {
        /// What happened. Kafka's topics have the same names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)*
        }

        impl EventType {
            pub const ALL: &'static [EventType] = &[$(EventType::$variant),*];

            /// "task.created": the name in the contract and of the topic.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(EventType::$variant => $name,)*
                }
            }

            /// The schema version it is written in today.
            pub fn version(self) -> &'static str {
                match self {
                    $(EventType::$variant => events!(@version $($version)?),)*
                }
            }

            /// "A task was created.": the table's comment.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(EventType::$variant => concat!($($doc),+).trim_ascii(),)*
                }
            }

            /// An envelope as it travels, of the contract where that has one.
            pub fn example(self) -> &'static str {
                match self {
                    $(EventType::$variant => include_str!(concat!("golden/", $name, ".json")),)*
                }
            }

            /// The JSON Schema of what it carries.
            #[cfg(feature = "ssr")]
            pub fn data_schema(self) -> serde_json::Value {
                use crate::catalogue::schema::Described;
                match self {
                    $(EventType::$variant => $data::schema(),)*
                }
            }
        }

        /// What an event carries, by type.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum EventData {
            $($variant($data),)*
        }

        impl EventData {
            pub fn event_type(&self) -> EventType {
                match self {
                    $(EventData::$variant(_) => EventType::$variant,)*
                }
            }

            /// Whose stream the event belongs to: the owner of the task, or the person themselves.
            pub fn user_id(&self) -> &UserId {
                match self {
                    $(EventData::$variant(data) => &data.user_id,)*
                }
            }

            /// The task it is about, if it is about one.
            pub fn task_id(&self) -> Option<TaskId> {
                match self {
                    $($(EventData::$variant(data) => Some(data.$task),)?)*
                    _ => None,
                }
            }

            /// When it happened, as the data itself says.
            pub fn occurred_at(&self) -> Timestamp {
                match self {
                    $(EventData::$variant(data) => data.$at,)*
                }
            }

            /// Reads the data of an event of type `event_type`, with serde.
            pub fn from_json(
                event_type: EventType,
                data: serde_json::Value,
            ) -> Result<Self, serde_json::Error> {
                Ok(match event_type {
                    $(EventType::$variant => EventData::$variant(serde_json::from_value(data)?),)*
                })
            }

            /// The same in the browser. `None`: it is no data of that type.
            pub fn from_wire(event_type: EventType, data: Json) -> Option<Self> {
                Some(match event_type {
                    $(EventType::$variant => EventData::$variant(FromJson::from_json(data)?),)*
                })
            }
        }
    };
    (@version) => { VERSION };
    (@version $version:literal) => { $version };
}

/// A struct that is written as an object with the names of its fields, and read again by serde and
/// in the browser. Its JSON Schema says what the comments say. A field that is an `Option` is left
/// out when there is nothing to say: `#[serde(default, skip_serializing_if = "Option::is_none")]`.
macro_rules! data {
    ($(
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:ident),*)])?
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[serde $serde:tt])?
                pub $field:ident: $type:ty,
            )*
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize $($(, $derive)*)?)]
        pub struct $name {
            $($(#[doc = $field_doc])* $(#[serde $serde])? pub $field: $type,)*
        }

        crate::wire::object! { $name { $($field),* } }

        #[cfg(feature = "ssr")]
        impl crate::catalogue::schema::Described for $name {
            fn schema() -> serde_json::Value {
                crate::catalogue::schema::Object::new(concat!($($doc),*))
                    $(.field::<$type>(stringify!($field), concat!($($field_doc),*)))*
                    .into()
            }
        }
    )*};
}
