//! tokio-tungstenite; feed.rs tells what it is to do.

mod feed;

use futures_util::{SinkExt, StreamExt};
use native_tls::{Certificate, TlsConnector};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{connect_async_tls_with_config, Connector};

const MANIFEST: &str = include_str!("../Cargo.toml");
const SECTION: &str = "[dependencies.tokio-tungstenite]\nversion = \"=";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("runtime")
        .block_on(run());
}

async fn run() {
    let mut feed = feed::Feed::new();
    let mut tls = TlsConnector::builder();
    let mut request = feed.url.as_str().into_client_request().expect("URL");
    let mut received = None;
    let mut clean = true;

    if let Some(pem) = &feed.ca {
        tls.disable_built_in_roots(true);
        tls.add_root_certificate(Certificate::from_pem(pem).expect("CA"));
    }

    request
        .headers_mut()
        .insert(PROTOCOL, feed.protocol.parse().expect("subprotocol"));

    let (mut ws, response) = connect_async_tls_with_config(
        request,
        None,
        false,
        Some(Connector::NativeTls(tls.build().expect("TLS"))),
    )
    .await
    .expect("connect");

    loop {
        let done = match ws.next().await.expect("end").expect("message") {
            Message::Text(text) => feed.take(true, text.as_bytes()),
            Message::Binary(data) => feed.take(false, &data),
            Message::Close(frame) => panic!("close {:?}", frame),
            _ => false,
        };

        if done {
            break;
        }
    }

    ws.close(Some(CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    }))
    .await
    .expect("close");

    ws.flush().await.expect("flush");

    while let Some(message) = ws.next().await {
        match message {
            Ok(Message::Close(frame)) => received = frame,
            Ok(_) => (),
            Err(error) => {
                eprintln!("{}", error);
                clean = false;
                break;
            }
        }
    }

    let protocol = response.headers().get(PROTOCOL);
    let code = received.map_or(1005, |frame| u16::from(frame.code));

    let version = MANIFEST.split(SECTION).nth(1).expect("version");
    let version = version.split('"').next().unwrap_or("");

    feed.report(
        &format!("tokio-tungstenite {}", version),
        protocol.map_or("", |p| p.to_str().expect("ASCII")),
        code,
        clean,
    );
}
