//! A message for one browser, which no push service can read: RFC 8291, in the coding `aes128gcm` of
//! RFC 8188.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use anyhow::{Context, anyhow, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey};
use sha2::Sha256;

/// What a message may be long, in bytes: every push service takes a body of 4,096, and the header
/// (86), the tag (16) and the delimiter (1) are part of it.
pub const LONGEST: usize = 3_993;
/// The one record there is.
const RECORD: u32 = 4_096;

/// The keys of a browser's subscription.
pub struct Reader {
    key: PublicKey,
    secret: [u8; 16],
}

impl Reader {
    /// As the browser gives them: base64url. Errors: what is wrong, in a sentence.
    pub fn parse(p256dh: &str, auth: &str) -> anyhow::Result<Reader> {
        let key = decode(p256dh).context("The key of the subscription is not base64url.")?;
        ensure!(
            key.len() == 65,
            "The key of the subscription must have 65 bytes."
        );
        let key = PublicKey::from_sec1_bytes(&key)
            .map_err(|_| anyhow!("The key of the subscription is no point of the curve P-256."))?;
        let secret = decode(auth).context("The secret of the subscription is not base64url.")?;
        let secret = secret
            .try_into()
            .map_err(|_| anyhow!("The secret of the subscription must have 16 bytes."))?;
        Ok(Reader { key, secret })
    }

    /// The body of a request, under a key and a salt that are used once. Errors: it is too long.
    pub fn encrypt(&self, text: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.encrypt_with(text, &new_key(), rand::random())
    }

    fn encrypt_with(
        &self,
        text: &[u8],
        ours: &SecretKey,
        salt: [u8; 16],
    ) -> anyhow::Result<Vec<u8>> {
        ensure!(
            text.len() <= LONGEST,
            "A message has at most {LONGEST} bytes, and this one has {}.",
            text.len()
        );
        let our_key = ours.public_key().to_sec1_bytes();
        let shared = ours.diffie_hellman(&self.key);
        let info = [b"WebPush: info\0", &*self.key.to_sec1_bytes(), &*our_key].concat();
        let input: [u8; 32] = derive(&self.secret, shared.raw_secret_bytes(), &info)?;
        let key: [u8; 16] = derive(&salt, &input, b"Content-Encoding: aes128gcm\0")?;
        let nonce: [u8; 12] = derive(&salt, &input, b"Content-Encoding: nonce\0")?;
        // The delimiter of the last record, and no padding.
        let padded = [text, b"\x02"].concat();
        let sealed = Aes128Gcm::new(&key.into())
            .encrypt(&Nonce::from(nonce), padded.as_slice())
            .map_err(|_| anyhow!("The message cannot be encrypted."))?;
        Ok([
            &salt[..],
            &RECORD.to_be_bytes(),
            &[our_key.len() as u8],
            &our_key,
            &sealed,
        ]
        .concat())
    }
}

/// HKDF with SHA-256.
fn derive<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> anyhow::Result<[u8; N]> {
    let mut output = [0; N];
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand(info, &mut output)
        .map_err(|_| anyhow!("A key of {N} bytes cannot be derived."))?;
    Ok(output)
}

/// A new private key.
pub(super) fn new_key() -> SecretKey {
    loop {
        // One in 2³² is none.
        if let Ok(key) = SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
            return key;
        }
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// base64url, with or without what fills it up.
pub(super) fn decode(text: &str) -> anyhow::Result<Vec<u8>> {
    Ok(URL_SAFE_NO_PAD.decode(text.trim_end_matches('='))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const SECRET: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let reader = Reader::parse(KEY, SECRET).unwrap();
        let ours = decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").unwrap();
        let ours = SecretKey::from_slice(&ours).unwrap();
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw").unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = reader.encrypt_with(text, &ours, salt.try_into().unwrap());
        assert_eq!(
            encode(&body.unwrap()),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn what_fits_fills_a_body_and_nothing_is_encrypted_alike_twice() {
        let reader = Reader::parse(KEY, SECRET).unwrap();
        let full = reader.encrypt(&[b'x'; LONGEST]).unwrap();
        assert_eq!(full.len(), 4_096);
        assert!(reader.encrypt(&[b'x'; LONGEST + 1]).is_err());
        assert_ne!(reader.encrypt(b"x").unwrap(), reader.encrypt(b"x").unwrap());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let off_the_curve = encode(&[4; 65]);
        for (key, secret) in [
            ("", SECRET),
            ("!", SECRET),
            (&KEY[..86], SECRET),
            (&off_the_curve, SECRET),
            (KEY, ""),
            (KEY, &SECRET[..20]),
        ] {
            assert!(Reader::parse(key, secret).is_err(), "{key} {secret}");
        }
        let padded = format!("{KEY}=");
        assert!(Reader::parse(&padded, &format!("{SECRET}==")).is_ok());
    }
}
