//! The rules of the pairs that the simulator mirrors, read from the mirrored market before it starts.
//!
//! Over a connection of its own, which ends with the answer. Always true: a pair that is not listed there, or whose rules make no
//! sense, is named.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::Error;
use crate::{
    resilience::{Deadlines, Elapsed, Place},
    types::Instrument,
    venue::kraken::{
        address::Address,
        decode::{self, Buffers, Decoder, Kind, Message},
        encode::{self, Channel, FIRST_OWN_REQUEST},
        redial::Redial,
        socket::{ConnectError, Socket},
        wire::market::Instruments,
        wiring::Wiring,
    },
};

/// Why there is no answer, which may be another time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("connection lost")]
    Lost(#[from] tungstenite::Error),
    #[error("closed by the venue")]
    Closed,
    #[error("no list of instruments")]
    Late(#[from] Elapsed),
    #[error("a list of instruments that cannot be read")]
    Garbled(#[from] crate::venue::kraken::wire::DecodeError),
}

/// Asks once, when another attempt may be made. The inner result is about what is listed, and final.
///
/// # Cancel safety
///
/// Dropping the future closes what was opened.
pub(super) async fn ask(
    redial: &mut Redial,
    wiring: &Wiring,
    address: &Address,
    wanted: &[Instrument],
) -> Result<Result<Vec<Instrument>, Error>, Unanswered> {
    let deadlines = Deadlines::new(wiring.settings.deadlines.clone());
    let mut socket = redial.open(&wiring.connector, address, &deadlines).await?;
    let asking = question(&mut socket, wanted);
    // From the request: acknowledgement and snapshot in one.
    let limit = deadlines.of(Place::SubscribeAck) + deadlines.of(Place::FirstSnapshot);
    let asked = deadlines.within_for(Place::FirstSnapshot, limit, asking);
    let answer = asked.await;
    // The answer is in hand: how the connection ends is nothing to wait for.
    let _ending = deadlines.within(Place::Close, socket.close(None)).await;
    answer?
}

/// Asks over an open socket and reads until the answer is there.
///
/// # Cancel safety
///
/// Dropped, the socket may hold half a request: it is of no more use but to be closed.
async fn question(
    socket: &mut Socket,
    wanted: &[Instrument],
) -> Result<Result<Vec<Instrument>, Error>, Unanswered> {
    let mut request = Vec::new();
    let nobody = std::iter::empty::<&str>();
    encode::subscribe(
        Channel::Instrument,
        nobody,
        None,
        FIRST_OWN_REQUEST,
        &mut request,
    );
    let request = String::from_utf8_lossy(&request).into_owned();
    socket.send(Frame::text(request)).await?;
    let (mut decoder, mut buffers) = (Decoder::new(), Buffers::new());
    loop {
        let frame = socket.next().await.ok_or(Unanswered::Closed)??;
        let Frame::Text(text) = &frame else { continue };
        if let Message::Instruments {
            kind: Kind::Snapshot,
            data,
        } = decoder.decode(text.as_bytes(), &mut buffers)?
        {
            return Ok(wanted.iter().map(|own| find(&data, own)).collect());
        }
    }
}

fn find(listed: &Instruments<'_>, own: &Instrument) -> Result<Instrument, Error> {
    let mut pairs = listed.pairs.iter().flatten();
    let pair = pairs.find(|pair| pair.symbol.as_str() == own.symbol.as_str());
    let pair = pair.ok_or(Error::Unlisted(own.symbol))?;
    decode::instrument(pair, own.fees).map_err(|source| Error::Rules {
        symbol: own.symbol,
        source,
    })
}
