//! The application from outside: over HTTP, WebSocket and Kafka, on both transports and databases.

mod support;

mod accounts;
mod crash;
mod http;
mod kcat;
mod live;
mod property;
mod system;
mod telemetry;
mod transport;
