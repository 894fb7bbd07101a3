//! An HTTP/1.1 server of a few lines: one closure says what happens to each request.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Last part of the path, without query.
    pub(crate) endpoint: String,
    /// Path without query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body, or the query of a GET.
    pub(crate) text: String,
}

impl Received {
    /// A parameter of form or query, not decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.parameter("nonce").unwrap().parse().unwrap()
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status and body.
    Answer(u16, String),
    /// Status, seconds of `Retry-After`, and body.
    Busy(u16, u32, String),
    /// Status and body, later.
    Late(Duration, u16, String),
    /// Nothing, with the connection open.
    Silence,
    /// Nothing, and the connection is closed.
    Close,
    /// Half of an answer, then the connection is closed.
    Half,
}

/// `{"error":[],"result":…}` with status 200.
pub(crate) fn result(json: &str) -> Reply {
    Reply::Answer(200, format!(r#"{{"error":[],"result":{json}}}"#))
}

/// `{"error":["…"]}` with status 200.
pub(crate) fn refusal(text: &str) -> Reply {
    Reply::Answer(200, format!(r#"{{"error":["{text}"]}}"#))
}

/// The server. Stops when dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    received: Arc<Mutex<Vec<Received>>>,
    _tasks: JoinSet<()>,
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

impl Server {
    pub(crate) async fn start(
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, handler): (_, Handler) = (Arc::clone(&received), Arc::new(handler));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&handler), Arc::clone(&log)));
            }
        });
        Self {
            address,
            received,
            _tasks: tasks,
        }
    }

    /// Everything that arrived, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How often an endpoint was called.
    pub(crate) fn calls(&self, endpoint: &str) -> usize {
        let received = self.received.lock().unwrap();
        received.iter().filter(|r| r.endpoint == endpoint).count()
    }
}

async fn serve(stream: TcpStream, handler: Handler, log: Arc<Mutex<Vec<Received>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let reply = handler(&request);
        log.lock().unwrap().push(request);
        let mut more = String::new();
        let (status, body) = match reply {
            Reply::Answer(status, body) => (status, body),
            Reply::Busy(status, seconds, body) => {
                more = format!("retry-after: {seconds}\r\n");
                (status, body)
            }
            Reply::Late(delay, status, body) => {
                tokio::time::sleep(delay).await;
                (status, body)
            }
            Reply::Silence => std::future::pending().await,
            Reply::Close => return,
            Reply::Half => {
                let half = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"error\":[],";
                stream.write_all(half.as_bytes()).await.unwrap();
                return;
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nlocation: /elsewhere\r\n{more}\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body.as_bytes()].concat();
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|n| *n > 0)?;
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Received {
        endpoint: path.rsplit('/').next().unwrap_or("").to_owned(),
        path: path.to_owned(),
        text: if body.is_empty() {
            query.to_owned()
        } else {
            String::from_utf8(body).unwrap()
        },
        headers,
    })
}
