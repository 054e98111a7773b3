//! Whose request it is when a proxy of ours passes it on.

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The addresses of the proxies that are believed.
pub type Proxies = Arc<[IpAddr]>;

/// Has all that follows take the address that our proxies saw for that of the connection.
pub async fn see_through(
    State(proxies): State<Proxies>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if let Some(ConnectInfo(peer)) = peer
        && let Some(client) = client(&proxies, peer.ip(), request.headers())
    {
        let address = ConnectInfo(SocketAddr::new(client, 0));
        request.extensions_mut().insert(address);
    }
    next.run(request).await
}

/// The last address in `X-Forwarded-For` that is none of our proxies: each adds at the end whom it
/// heard, and what stands before that anybody may have written. `None`: no proxy of ours speaks.
fn client(proxies: &[IpAddr], peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let is_ours = |ip: &IpAddr| proxies.contains(&ip.to_canonical());
    if !is_ours(&peer) {
        return None;
    }
    let lines = headers.get_all("x-forwarded-for").iter();
    let heard: Vec<&str> = lines
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .collect();
    let heard = heard.into_iter().rev();
    // What is no address ends what can be believed.
    let mut heard = heard.map_while(|address| address.trim().parse::<IpAddr>().ok());
    heard.find(|ip| !is_ours(ip)).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> Option<String> {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.5".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client(&proxies, peer.parse().unwrap(), &headers).map(|ip| ip.to_string())
    }

    #[test]
    fn only_what_a_proxy_of_ours_says_is_believed() {
        let real = Some("203.0.113.9".to_owned());
        assert_eq!(seen("127.0.0.1", &["203.0.113.9"]), real);
        assert_eq!(seen("::ffff:127.0.0.1", &["203.0.113.9"]), real);
        // Through two of them, over two lines, and with what the client made up before.
        assert_eq!(
            seen("127.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.5"]),
            real
        );
        assert_eq!(seen("127.0.0.1", &["198.51.100.1", "203.0.113.9"]), real);
        assert_eq!(
            seen("127.0.0.1", &["2001:db8::7"]),
            Some("2001:db8::7".into())
        );
        // A stranger, and a proxy that says nothing, or nothing that is an address.
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"]), None);
        assert_eq!(seen("127.0.0.1", &[]), None);
        assert_eq!(seen("127.0.0.1", &["203.0.113.9, unknown"]), None);
    }
}
