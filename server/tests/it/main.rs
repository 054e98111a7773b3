//! The application from outside: over HTTP, WebSocket and Kafka, on both transports and databases.

mod logged;
mod support;

mod accounts;
mod crash;
mod deliveries;
mod events;
mod figures;
mod http;
mod insights;
mod kcat;
mod live;
mod notifications;
mod property;
mod scopes;
mod search;
mod security;
mod system;
mod telemetry;
mod transport;
