//! What `/metrics` says, read as Prometheus would.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::LIMIT;

/// One scrape.
pub struct Page(String);

/// A queue by its three numbers.
#[derive(Debug)]
pub struct Queue {
    pub name: String,
    pub most: u64,
    pub capacity: u64,
}

impl Page {
    /// Asks for it over a connection of its own.
    pub async fn scrape(address: SocketAddr) -> Self {
        let asking = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).await.unwrap();
            page
        };
        let page = timeout(LIMIT, asking).await.expect("no answer");
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        Self(page)
    }

    /// The number of a series, its labels included.
    pub fn number(&self, series: &str) -> u64 {
        let mut lines = self.0.lines();
        let found = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let number = found.unwrap_or_else(|| panic!("no {series} in {}", self.0));
        number.parse().unwrap()
    }

    /// All queues of the run.
    pub fn queues(&self) -> Vec<Queue> {
        let marks = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix("tradingd_queue_high_water_mark{queue=\"")?;
            let (name, most) = rest.split_once("\"} ")?;
            let capacity = format!("tradingd_queue_capacity{{queue=\"{name}\"}}");
            Some(Queue {
                name: name.to_owned(),
                most: most.parse().unwrap(),
                capacity: self.number(&capacity),
            })
        });
        marks.collect()
    }
}
