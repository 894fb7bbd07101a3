//! The journal against crashes: cut at every byte, flipped in every byte, left in every state of a rotation.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::task::JoinSet;
use tradingd::{
    engine::{
        Command, Event,
        command::{Cancel, CommandId},
    },
    io::Clock,
    journal::{
        BUILD, JournalError, Recovered, Replay, RunHeader, Settings, Writer, encode,
        encode_commands,
        reader::{self, End, Loaded, Segment},
        recover, start, verify,
        verify::{Verified, VerifyError},
    },
    types::{ClOrdId, Timestamp},
};

/// How much later another journal of the same length was written.
const LATER: Duration = Duration::from_secs(1);
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A stand-in for the engine: counts events, cancels something at every third.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counter(u64);

impl Counter {
    fn commands(&mut self) -> Vec<Command> {
        self.0 += 1;
        if !self.0.is_multiple_of(3) {
            return Vec::new();
        }
        vec![Command::Cancel(Cancel {
            id: CommandId(self.0),
            cl_ord_id: ClOrdId::new("td1a").unwrap(),
            order_id: None,
        })]
    }

    fn state(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }
}

impl Replay for Counter {
    fn restore(_run: &RunHeader, checkpoint: &[u8]) -> Result<Self, String> {
        let bytes = checkpoint.try_into().map_err(|_| "not eight bytes")?;
        Ok(Self(u64::from_le_bytes(bytes)))
    }

    fn handle(
        &mut self,
        _now: Timestamp,
        _event: &Event,
        commands: &mut Vec<u8>,
    ) -> postcard::Result<()> {
        encode_commands(&self.commands(), commands)
    }

    fn checkpoint(&self) -> postcard::Result<Vec<u8>> {
        Ok(self.state())
    }
}

/// Replays another way than it was recorded.
struct Contrary(Counter);

impl Replay for Contrary {
    fn restore(run: &RunHeader, checkpoint: &[u8]) -> Result<Self, String> {
        Counter::restore(run, checkpoint).map(Self)
    }

    fn handle(
        &mut self,
        now: Timestamp,
        event: &Event,
        commands: &mut Vec<u8>,
    ) -> postcard::Result<()> {
        self.0.handle(now, event, commands)?;
        if let Some(last) = commands.last_mut() {
            *last ^= 1;
        }
        Ok(())
    }

    fn checkpoint(&self) -> postcard::Result<Vec<u8>> {
        self.0.checkpoint()
    }
}

fn run_header(epoch: u32) -> RunHeader {
    RunHeader {
        build: BUILD.to_owned(),
        settings: "[journal]\n".to_owned(),
        instruments: Vec::new(),
        epoch,
        tag: "td".to_owned(),
        started: START,
    }
}

/// A run with its tasks.
struct Running {
    writer: Writer,
    engine: Counter,
    tasks: JoinSet<()>,
    now: Timestamp,
}

impl Running {
    fn begin(directory: &Path, engine: Counter, recovered: &Recovered) -> Self {
        let settings = Settings {
            segment_bytes: 1,
            ..Settings::default()
        };
        let (clock, _) = Clock::manual(START);
        let run = run_header(recovered.epoch() + 1);
        let journal = start(
            directory,
            &settings,
            &clock,
            &run,
            &engine.state(),
            recovered.tip(),
        )
        .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(journal.sync.run());
        Self {
            writer: journal.writer,
            engine,
            tasks,
            now: START,
        }
    }

    fn events(&mut self, count: usize) {
        for _ in 0..count {
            self.now = self.now.after(Duration::from_millis(1));
            let commands = self.engine.commands();
            self.writer
                .append(self.now, &Event::Tick, &commands)
                .unwrap();
            self.writer.announce();
        }
    }

    async fn rotate(&mut self) {
        while !self.writer.wants_rotation() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.writer.rotate(self.now, &self.engine.state()).unwrap();
    }

    async fn end(mut self) -> Counter {
        self.writer.flush().unwrap();
        drop(self.writer);
        self.tasks.join_all().await;
        self.engine
    }

    async fn seal(mut self) -> Counter {
        self.writer.seal().unwrap();
        drop(self.writer);
        self.tasks.join_all().await;
        self.engine
    }
}

/// Rebuilds the engine as a start does.
fn resume(directory: &Path) -> Result<(Counter, Recovered), JournalError> {
    let recovered = recover(directory)?;
    let mut engine = Counter::default();
    if let Some(last) = &recovered.last {
        engine = rebuild(last);
    }
    Ok((engine, recovered))
}

fn rebuild(last: &Segment) -> Counter {
    let mut engine = Counter::restore(&last.run, last.checkpoint()).unwrap();
    for located in last.entries() {
        let mut commands = Vec::new();
        let entry = located.unwrap().entry;
        engine
            .handle(entry.now, &entry.event, &mut commands)
            .unwrap();
        assert_eq!(commands, entry.commands);
    }
    engine
}

fn file(directory: &Path, segment: u64) -> PathBuf {
    directory
        .join("journal")
        .join(format!("{segment:08}.journal"))
}

fn proven(directory: &Path) -> Verified {
    verify::<Counter>(directory).unwrap()
}

/// One run, ended without a seal after `events` in its only segment.
async fn one_run(events: usize) -> (TempDir, Counter) {
    let directory = tempfile::tempdir().unwrap();
    let (engine, recovered) = resume(directory.path()).unwrap();
    let mut running = Running::begin(directory.path(), engine, &recovered);
    running.events(events);
    let engine = running.end().await;
    (directory, engine)
}

#[tokio::test]
async fn runs_continue_each_other_and_every_command_is_proven() {
    let directory = tempfile::tempdir().unwrap();
    for run in 1..=3_u32 {
        let (engine, recovered) = resume(directory.path()).unwrap();
        assert_eq!(engine.0, u64::from(run - 1) * 20);
        let mut running = Running::begin(directory.path(), engine, &recovered);
        running.events(10);
        running.rotate().await;
        running.events(10);
        if run == 2 {
            running.end().await;
        } else {
            running.seal().await;
        }
    }
    let verified = proven(directory.path());
    let seen: Vec<_> = verified
        .runs
        .iter()
        .map(|run| {
            (
                run.epoch,
                run.segments,
                run.entries,
                run.commands,
                run.sealed,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, 2, 20, 6, true),
            (2, 2, 20, 7, false),
            (3, 2, 20, 7, true)
        ]
    );
    assert!(verified.cuts.is_empty());
    let diverged = verify::<Contrary>(directory.path()).unwrap_err();
    assert!(
        matches!(
            diverged,
            VerifyError::Diverged {
                segment: 1,
                sequence: 5,
                ..
            }
        ),
        "{diverged}"
    );
}

#[tokio::test]
async fn a_last_record_cut_at_any_byte_is_left_out_and_the_rest_stands() {
    let (directory, engine) = one_run(6).await;
    let path = file(directory.path(), 1);
    let whole = fs::read(&path).unwrap();
    let before = last_record(directory.path());
    for length in before..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let expected = if length == whole.len() { 6 } else { 5 };
        let cut = proven(directory.path()).cuts;
        let (resumed, recovered) = resume(directory.path()).unwrap();
        assert_eq!(resumed.0, expected, "cut at {length}");
        assert_eq!(cut, recovered.cuts, "verify tells what a start would cut");
        let bytes: usize = recovered.cuts.iter().map(|cut| cut.bytes).sum();
        let kept = if expected == 6 { whole.len() } else { before };
        assert_eq!(bytes, length - kept);
        assert_eq!(fs::read(&path).unwrap(), &whole[..kept], "cut on disk too");
    }
    assert_eq!(engine.0, 6);
}

#[tokio::test]
async fn a_cut_journal_can_be_continued_and_proven() {
    let (directory, _) = one_run(6).await;
    let path = file(directory.path(), 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (engine, recovered) = resume(directory.path()).unwrap();
    let mut running = Running::begin(directory.path(), engine, &recovered);
    running.events(1);
    running.seal().await;
    let verified = proven(directory.path());
    assert_eq!(verified.runs.len(), 2);
    assert!(verified.cuts.is_empty());
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found_and_never_read_as_something_else() {
    let (directory, _) = one_run(6).await;
    let path = file(directory.path(), 1);
    let whole = fs::read(&path).unwrap();
    let before = last_record(directory.path());
    for offset in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[offset] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let loaded = reader::load(&directory.path().join("journal"), 1, End::Whole);
        assert!(
            loaded.is_err(),
            "byte {offset} in a segment that others follow"
        );
        let recovered = recover(directory.path());
        if offset >= before {
            let recovered = recovered.unwrap();
            assert_eq!(rebuild(recovered.last.as_ref().unwrap()).0, 5);
            assert_eq!(recovered.cuts.len(), 1, "byte {offset}");
            continue;
        }
        match recovered.unwrap_err() {
            JournalError::Damaged {
                segment,
                offset: at,
                ..
            } => {
                assert_eq!(segment, 1);
                assert!(at <= offset, "byte {offset} reported at {at}");
            }
            JournalError::Format { .. } => assert!((8..10).contains(&offset)),
            other @ (JournalError::Io { .. }
            | JournalError::Missing(_)
            | JournalError::Encoding(_)) => panic!("byte {offset}: {other}"),
        }
        assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is repaired");
    }
}

/// Where the last record of the first segment begins.
fn last_record(directory: &Path) -> usize {
    let loaded = reader::load(&directory.join("journal"), 1, End::Whole).unwrap();
    let Loaded::Begun(segment) = loaded else {
        panic!("not begun");
    };
    segment.entries().last().unwrap().unwrap().offset
}

#[tokio::test]
async fn a_process_killed_at_any_point_of_a_rotation_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, recovered) = resume(directory.path()).unwrap();
    let mut running = Running::begin(directory.path(), engine, &recovered);
    running.events(7);
    running.rotate().await;
    running.end().await;
    let path = file(directory.path(), 2);
    let opening = fs::read(&path).unwrap();
    for prepared in [false, true] {
        for length in 0..=opening.len() {
            fs::write(&path, &opening[..length]).unwrap();
            if prepared {
                fs::write(file(directory.path(), 3), b"").unwrap();
            }
            proven(directory.path());
            let (engine, recovered) = resume(directory.path()).unwrap();
            assert_eq!(engine.0, 7, "{length} bytes of the next segment");
            let left = if length == opening.len() { 2 } else { 1 };
            assert_eq!(recovered.tip().unwrap().segment, left);
            let torn = usize::from((1..opening.len()).contains(&length));
            assert_eq!(recovered.cuts.len(), torn, "{length}");
            assert!(!file(directory.path(), 3).exists());
        }
    }
}

#[tokio::test]
async fn segments_that_do_not_follow_each_other_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for (directory, begun) in [(&directory, START), (&other, START.after(LATER))] {
        let (engine, recovered) = resume(directory.path()).unwrap();
        let mut running = Running::begin(directory.path(), engine, &recovered);
        running.now = begun;
        running.events(6);
        running.rotate().await;
        running.events(3);
        running.rotate().await;
        running.events(3);
        running.seal().await;
    }
    let own = fs::read(file(directory.path(), 2)).unwrap();
    fs::copy(file(other.path(), 2), file(directory.path(), 2)).unwrap();
    let error = verify::<Counter>(directory.path()).unwrap_err();
    assert!(error.to_string().contains("continue segment 1"), "{error}");
    fs::write(file(directory.path(), 2), &own[..own.len() - 1]).unwrap();
    let error = verify::<Counter>(directory.path()).unwrap_err();
    assert!(error.to_string().contains("within a record"), "{error}");
    fs::remove_file(file(directory.path(), 2)).unwrap();
    let error = verify::<Counter>(directory.path()).unwrap_err();
    assert!(
        error.to_string().contains("segment 2 is missing"),
        "{error}"
    );
    fs::remove_file(file(directory.path(), 1)).unwrap();
    let verified = proven(directory.path());
    assert_eq!(verified.runs.len(), 1, "what is left stands alone");
}

#[tokio::test]
async fn a_segment_of_another_build_is_named_and_not_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, _) = Clock::manual(START);
    let mut run = run_header(1);
    run.build = "0.0.9+00000000deadbeef".to_owned();
    let settings = Settings::default();
    let journal = start(directory.path(), &settings, &clock, &run, b"other", None).unwrap();
    drop(journal);
    let verified = proven(directory.path());
    assert_eq!(verified.runs[0].build, run.build);
    assert!(!verified.runs[0].replayed);
}

#[test]
fn the_run_header_is_kept_as_it_was_given() {
    let mut bytes = Vec::new();
    encode(&run_header(7), &mut bytes).unwrap();
    assert_eq!(RunHeader::decode(&bytes).unwrap(), run_header(7));
}
