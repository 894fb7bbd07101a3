//! What goes wrong on purpose, late replies, TLS, and the end of the server.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use tokio::{net::TcpStream, time::timeout};
use tradingd::{io::net::Connector, sim::faults::RestFault, types::Side};

use super::rig::{Rig, Setup, exchange, good};

#[tokio::test]
async fn s3_1_another_status_is_a_page_that_is_not_the_apis() {
    let rig = Rig::start().await;
    rig.faults
        .arm_rest("Balance", RestFault::Error("EService:Busy".into()), 2);
    rig.faults
        .arm_rest("Balance", RestFault::Status(520, "<html>".into()), 1);
    assert_eq!(rig.refused("Balance", "").await, "EService:Busy");
    assert_eq!(rig.refused("Balance", "").await, "EService:Busy");
    let page = rig.send("POST", "/0/private/Balance", &[], "").await;
    assert_eq!((page.status, page.body.as_str()), (520, "<html>"));
    assert!(page.head.contains("text/html"));
    rig.call("Balance", "").await;
}

#[tokio::test]
async fn s6_1_an_order_can_be_carried_out_and_never_answered() {
    let rig = Rig::start().await;
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01&cl_ord_id=";
    for (fault, name, placed) in [
        (RestFault::DoThenSilence, "done", true),
        (RestFault::Silence, "undone", false),
    ] {
        rig.faults.arm_rest("AddOrder", fault, 1);
        let fields = format!("{order}{name}");
        let call = rig.form("AddOrder", &fields);
        let unanswered = timeout(Duration::from_millis(300), call).await;
        assert!(unanswered.is_err(), "{unanswered:?}");
        let found = rig.call("OpenOrders", &format!("cl_ord_id={name}")).await;
        assert_eq!(
            found["open"].as_object().unwrap().len(),
            usize::from(placed)
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn replies_come_late_where_that_is_set() {
    let delay = Duration::from_millis(200);
    let rig = Rig::with(Setup {
        reply_delay: delay,
        ..Setup::default()
    })
    .await;
    let call = timeout(Duration::from_millis(100), rig.form("CancelAll", "")).await;
    assert!(call.is_err(), "a trading call waits");
    rig.call("CancelAll", "").await;
    let prompt = timeout(delay / 2, rig.call("Balance", "")).await;
    assert!(prompt.is_ok(), "a query does not");
    rig.faults
        .arm_rest("Balance", RestFault::Delay(delay.into()), 1);
    let late = timeout(delay / 2, rig.form("Balance", "")).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn a_canceled_server_ends_though_a_call_is_open() {
    let rig = Rig::start().await;
    rig.faults.arm_rest("Time", RestFault::Silence, 1);
    let idle = TcpStream::connect(rig.address).await.unwrap();
    let open = timeout(Duration::from_millis(100), rig.public("Time")).await;
    assert!(open.is_err());
    let address = rig.address;
    rig.stop().await;
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn tls_works_and_a_stalled_handshake_holds_up_nobody() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let rig = Rig::with(Setup {
        tls: Some(Arc::new(server)),
        ..Setup::default()
    })
    .await;
    rig.agent(Side::Sell, "BTC/USD", "100.0", "1");
    let _stalled = TcpStream::connect(rig.address).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Connector::new(Arc::new(client));
    let tcp = connector
        .tcp("127.0.0.1", rig.address.port())
        .await
        .unwrap();
    let stream = connector.secure("localhost", tcp).await.unwrap();
    let answer = exchange(stream, "GET", "/0/public/Depth?pair=XBTUSD", &[], "").await;
    let asks = &good(answer.json())["XXBTZUSD"]["asks"];
    assert_eq!(asks[0][0], "100.00000");
}
