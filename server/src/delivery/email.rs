//! E-mail, by SMTP to a server that does the rest.

use super::{Answer, Channel, Outcome};
use anyhow::Context;
use app::db::now;
use app::deliveries::Delivery;
use app::notifications::{Letter, Way};
use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

/// Where it is sent to, and from whom.
#[derive(Clone, Debug)]
pub struct Settings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// The certificates (PEM) to trust beside those the system trusts.
    pub ca: Option<Vec<u8>>,
    pub login: Option<(String, crate::config::Secret)>,
    pub from: Mailbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    None,
    /// Asked for once connected, and insisted on.
    StartTls,
    FromTheStart,
}

pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Email {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let tls = match settings.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(parameters(&settings)?),
            Encryption::FromTheStart => Tls::Wrapper(parameters(&settings)?),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            // Who called us watches the time.
            .timeout(None);
        let builder = match settings.login {
            Some((user, password)) => {
                builder.credentials(Credentials::new(user, password.to_string()))
            }
            None => builder,
        };
        Ok(Email {
            transport: builder.build(),
            from: settings.from,
        })
    }

    fn message(&self, delivery: &Delivery, letter: Letter) -> anyhow::Result<Message> {
        let host = self.from.email.domain();
        let to: Mailbox = delivery.target.parse().context("no e-mail address")?;
        let raw = |name: &str, value: &str| -> anyhow::Result<HeaderValue> {
            let name = HeaderName::new_from_ascii(name.into())?;
            Ok(HeaderValue::new(name, value.into()))
        };
        let unsubscribe = format!("<{}>", letter.unsubscribe);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            .date_now()
            .message_id(Some(format!("<{}@{host}>", delivery.message_id)))
            .raw_header(raw("List-Unsubscribe", &unsubscribe)?)
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")?)
            // So that nobody's machine answers.
            .raw_header(raw("Auto-Submitted", "auto-generated")?)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))?;
        Ok(message)
    }
}

fn parameters(settings: &Settings) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca {
        let certificate = Certificate::from_pem(pem).context("TODO_SMTP_CA_FILE")?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().context("TLS for SMTP")
}

#[async_trait]
impl Channel for Email {
    fn name(&self) -> &'static str {
        Way::Email.as_str()
    }

    fn at_once(&self) -> i64 {
        4
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let letter = match serde_json::from_value::<Letter>(delivery.payload.clone()) {
            Ok(letter) => letter,
            Err(error) => return Outcome::Permanent(Answer::text(error.to_string())),
        };
        // Tried again, or late: it may be night by now.
        if let Some(end) = letter.quiet.as_ref().and_then(|quiet| quiet.ends(now())) {
            return Outcome::NotYet(end);
        }
        let message = match self.message(delivery, letter) {
            Ok(message) => message,
            Err(error) => return Outcome::Permanent(Answer::text(format!("{error:#}"))),
        };
        match self.transport.send(message).await {
            Ok(response) => {
                let lines: Vec<&str> = response.message().collect();
                Outcome::Sent(Answer {
                    status: Some(u16::from(response.code()).into()),
                    ..Answer::text(lines.join("\n"))
                })
            }
            Err(error) => failed(&error),
        }
    }
}

/// What an SMTP server, or the way to it, said.
fn failed(error: &SmtpError) -> Outcome {
    let status = error.status().map(u16::from);
    let answer = Answer {
        status: status.map(i64::from),
        ..Answer::text(error.to_string())
    };
    match status {
        // It is about to close; or it does not let us in, which is not the letter's fault.
        Some(421 | 454 | 530 | 534 | 535 | 538) => Outcome::Passing(answer.blaming()),
        // This letter or its reader: greylisted, a full mailbox.
        Some(400..=499) => Outcome::Passing(answer),
        Some(500..) => Outcome::Permanent(answer),
        // Away, slow, or not to be trusted.
        _ => Outcome::Passing(answer.blaming()),
    }
}
