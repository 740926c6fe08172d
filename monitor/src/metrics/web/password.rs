//! Passwords of the endpoint's users.
//!
//! A password is held against its bcrypt hash, which takes a good part of a second of work. So one is compared at a
//! time, not in the thread that answers, and what was right once is remembered by its digest.

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use tokio::sync::Mutex;

/// Right passwords that are remembered.
const REMEMBERED: usize = 64;

/// What an unknown user's password is held against, so that the answer takes as long as for a known one: a hash of cost
/// 10, the usual one, of a random password that was thrown away.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuxKhqyJbDdj7AO33UdyH1jDVkVpDSxHW";

type Digest = [u8; SHA256_OUTPUT_LEN];

/// The passwords that were right.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    right: Mutex<HashSet<Digest>>,
}

impl Passwords {
    /// Whether this `Authorization` header names one of the users with the right password.
    pub(super) async fn allow(&self, authorization: &str, users: &HashMap<String, String>) -> bool {
        let Some((user, password)) = credentials(authorization) else { return false };
        let known = users.get(&user);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let digest = digest_of(&user, &password, &hash);
        // Held while bcrypt works: one at a time.
        let mut right = self.right.lock().await;
        if right.contains(&digest) {
            return known.is_some();
        }
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash));
        let is_right = known.is_some() && matches!(verified.await, Ok(Ok(true)));
        if is_right {
            if right.len() >= REMEMBERED {
                right.clear();
            }
            right.insert(digest);
        }
        is_right
    }
}

/// User and password of HTTP's basic authentication (RFC 7617).
fn credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The hash is part of it, so that a changed password is compared anew.
fn digest_of(user: &str, password: &str, hash: &str) -> Digest {
    let mut context = digest::Context::new(&SHA256);
    for part in [user, password, hash] {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_let_in_and_then_remembered() {
        let users = HashMap::from([("prometheus".to_owned(), bcrypt::hash("s3cret:x", 4).unwrap())]);
        let passwords = Passwords::default();
        for wrong in ["", "Basic", "Basic !!", "Bearer abc", &basic("prometheus"), &basic("prometheus:x")] {
            assert!(!passwords.allow(wrong, &users).await, "{wrong}");
        }
        assert!(!passwords.allow(&basic("root:s3cret:x"), &users).await);
        assert_eq!(passwords.right.lock().await.len(), 0);
        let right = basic("prometheus:s3cret:x");
        assert!(passwords.allow(&right, &users).await);
        assert_eq!(passwords.right.lock().await.len(), 1);
        assert!(passwords.allow(&right.replacen("Basic", "basic", 1), &users).await);
        let changed = HashMap::from([("prometheus".to_owned(), bcrypt::hash("other", 4).unwrap())]);
        assert!(!passwords.allow(&right, &changed).await, "a changed password counts at once");
    }

    #[test]
    fn what_nobody_is_held_against_is_a_hash() {
        assert!(!bcrypt::verify("x", NOBODY).unwrap());
    }
}
