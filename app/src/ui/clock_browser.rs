use crate::event::Timestamp;

/// Whole milliseconds, UTC.
pub fn now() -> Timestamp {
    Timestamp::from_timestamp_millis(js_sys::Date::now() as i64).unwrap_or_default()
}
