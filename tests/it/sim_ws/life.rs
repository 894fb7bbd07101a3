//! The life of sockets: slowness, the end, TLS, and what a restart finds. The rest of it → `conformance/s1_2_connection.rs`.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tradingd::{
    io::net::Connector,
    sim::{Settings, SimError, server::Role},
};

use super::rig::{Rig, of, quiet, rows};
use crate::support::{
    within,
    ws::{Client, Ended},
};

fn code(ended: Ended) -> CloseCode {
    match ended {
        Ended::Closed(Some(frame)) => frame.code,
        Ended::Closed(None) | Ended::Broken => panic!("no close frame: {ended:?}"),
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_others_are_not() {
    let settings = Settings {
        outbound_frames: 64,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let mut slow = rig.public().await;
    slow.ask(
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":1000}}"#,
    )
    .await;
    // One burst in one turn of the runtime: the socket's task has no chance to drain its queue.
    rig.stir(pair, 9, 200);
    assert!(matches!(slow.end().await, Ended::Broken));
    within(async {
        while rig.sim.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    rig.public().await;
}

#[tokio::test]
async fn a_shutdown_tells_every_client() {
    let rig = Rig::start(&quiet()).await;
    let (mut public, (mut private, _)) = (rig.public().await, rig.private().await);
    let ends = async { (public.end().await, private.end().await) };
    let (ends, ()) = within(async { tokio::join!(ends, rig.sim.shutdown()) }).await;
    assert_eq!(
        (code(ends.0), code(ends.1)),
        (CloseCode::Away, CloseCode::Away)
    );
}

#[tokio::test]
async fn a_restart_finds_orders_keys_and_balances_again() {
    let directory = tempfile::tempdir().unwrap();
    let settings = quiet();
    let rig = Rig::with_state(&settings, Some(directory.path())).await;
    let key = rig.sim.accounts()[0].key.clone();
    let (mut client, token) = rig.trader().await;
    let add = format!(
        r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"BTC/USD","order_qty":0.01,"limit_price":1000.0,"cl_ord_id":"kept","token":"{token}"}}}}"#
    );
    let placed = client.ask(&add).await;
    assert_eq!(placed["success"], true, "{placed}");
    rig.sim.shutdown().await;

    let rig = Rig::with_state(&settings, Some(directory.path())).await;
    assert_eq!(rig.sim.accounts()[0].key, key);
    let (mut client, token) = rig.private().await;
    let executions = format!(
        r#"{{"method":"subscribe","params":{{"channel":"executions","token":"{token}"}}}}"#
    );
    client.send(&executions).await;
    let snapshot = client.until(of("executions")).await;
    let order: &Value = &rows(&snapshot)[0];
    assert_eq!(order["order_id"], placed["result"]["order_id"]);
    assert_eq!(
        (&order["cl_ord_id"], &order["exec_type"]),
        (&"kept".into(), &"new".into())
    );
    assert_eq!(
        (&order["limit_price"], &order["symbol"]),
        (&1000.0.into(), &"BTC/USD".into())
    );
}

#[tokio::test]
async fn s1_2_the_listeners_speak_tls_when_they_are_given_a_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (
        directory.path().join("cert.pem"),
        directory.path().join("key.pem"),
    );
    std::fs::write(&cert, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    let settings = Settings {
        tls_cert: Some(cert),
        tls_key: Some(key),
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let address = rig.sim.addresses().ws;
    assert!(
        rig.sim
            .addresses()
            .ws_url(Role::Public)
            .starts_with("wss://")
    );
    let stream = TcpStream::connect(address).await.unwrap();
    let secure = connector(issued.cert.der())
        .secure("localhost", stream)
        .await
        .unwrap();
    let mut client = Client::over(secure, "wss://localhost/v2").await.unwrap();
    assert_eq!(client.next().await["channel"], "status");
}

#[tokio::test]
async fn a_certificate_made_at_the_start_is_good_for_every_name_of_the_loopback() {
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let settings = Settings {
        tls: true,
        tls_ca: Some(path.clone()),
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    assert_eq!(rig.sim.ca(), Some(path.as_path()));
    let connector = connector(&CertificateDer::from_pem_file(&path).unwrap());
    let address = rig.sim.addresses().ws_auth;
    for name in ["localhost", "127.0.0.1", "::1"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let secure = connector.secure(name, stream).await.unwrap();
        let url = "wss://localhost/v2";
        let mut client = Client::over(secure, url).await.unwrap();
        assert_eq!(client.next().await["channel"], "status", "{name}");
    }
    let stream = TcpStream::connect(address).await.unwrap();
    assert!(connector.secure("example.org", stream).await.is_err());
    let stranger = crate::support::connector();
    let stream = TcpStream::connect(address).await.unwrap();
    assert!(stranger.secure("localhost", stream).await.is_err());
    rig.sim.shutdown().await;
    assert!(path.exists(), "a file that was asked for stays");
}

fn connector(root: &tokio_rustls::rustls::pki_types::CertificateDer<'_>) -> Connector {
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Connector::new(Arc::new(config))
}

#[tokio::test]
async fn impossible_settings_start_nothing() {
    let start = |settings: Settings| async move {
        tradingd::sim::Simulator::start(&settings, None, crate::support::clock()).await
    };
    let unlisted = Settings {
        pairs: vec!["BTC/MOON".to_owned()],
        ..quiet()
    };
    assert!(matches!(start(unlisted).await, Err(SimError::Pair(name)) if name == "BTC/MOON"));
    let stopped = Settings {
        speed: 0.0,
        ..quiet()
    };
    assert!(matches!(
        start(stopped).await,
        Err(SimError::Number("speed"))
    ));
    let half = Settings {
        tls_cert: Some("cert.pem".into()),
        ..quiet()
    };
    assert!(matches!(start(half).await, Err(SimError::Tls { .. })));
}
