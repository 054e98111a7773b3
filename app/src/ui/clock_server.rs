pub use crate::db::now;
