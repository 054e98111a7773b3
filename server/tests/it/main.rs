//! The application from outside: over HTTP, WebSocket and Kafka, on both transports and databases.

mod logged;
mod support;

mod accounts;
mod adding_a_consumer;
mod audit;
mod cleanup;
mod crash;
mod deliveries;
mod events;
mod feed;
mod figures;
mod http;
mod insights;
mod kcat;
mod live;
mod notifications;
mod onboarding;
mod property;
mod rebuild;
mod scopes;
mod search;
mod security;
mod system;
mod telemetry;
mod transport;
mod trash;
mod webhooks;
