//! Downloads whole, broken off, resumed, wrong and missing, from a server in this file: the network is never touched.

use crate::common::{command, empty_folder, gradus, names};
use flate2::{Compression, write::GzEncoder};
use gradus::data::Idx;
use gradus::data::PublicSet;
use gradus::data::fetch::{self, Contents, FetchEvent, Patience, RemoteFile};
use gradus::data::public::PublicFile;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// The server's response to every request.
#[derive(Clone)]
enum Answer {
    /// The whole body, or the requested range.
    Body(Vec<u8>),
    /// The whole body, even if a range is requested.
    WholeAlways(Vec<u8>),
    /// Says how long the body is, but hangs up after so many bytes; ranges are honoured.
    HangsUp(Vec<u8>, usize),
    /// A status without a body.
    Status(&'static str),
    /// A status, a header and a body, for every request.
    As(&'static str, String, Vec<u8>),
    /// A byte of the body now and then, for ever.
    Drips(Vec<u8>, Duration),
}

/// A server on 127.0.0.1: request i gets answer i, the last one again and again. Keeps the requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: Vec<Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/set/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                answer(stream.unwrap(), &answers[i.min(answers.len() - 1)], &log);
            }
        });
        Server { address, requests }
    }

    /// `path` or `path range` of each request.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<String>>) {
    let (mut requests, mut from) = (String::new(), 0);
    for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
        let lower = line.to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("GET ") {
            requests = rest.split(' ').next().unwrap().to_owned();
        } else if let Some(range) = lower.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap();
            requests += &format!(" {range}");
        } else if line.is_empty() {
            break;
        }
    }
    log.lock().unwrap().push(requests);
    let mut send = |status: &str, headers: String, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
        // A client may have heard enough.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    let length = |n: usize| format!("Content-Length: {n}\r\n");
    match answer {
        Answer::Status(status) => send(status, length(0), b""),
        Answer::As(status, header, body) => send(status, format!("{header}\r\n{}", length(body.len())), body),
        Answer::Drips(body, pause) => {
            send("200 OK", length(body.len()), b"");
            for byte in body {
                std::thread::sleep(*pause);
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
        Answer::WholeAlways(body) => send("200 OK", length(body.len()), body),
        Answer::Body(body) | Answer::HangsUp(body, _) if from >= body.len() && from > 0 => {
            send("416 Range Not Satisfiable", format!("Content-Range: bytes */{}\r\n", body.len()) + &length(0), b"")
        }
        Answer::Body(body) | Answer::HangsUp(body, _) => {
            let rest = &body[from..];
            let end = if let Answer::HangsUp(_, end) = answer { rest.len().min(*end) } else { rest.len() };
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
            match from {
                0 => send("200 OK", length(rest.len()), &rest[..end]),
                _ => send("206 Partial Content", range + &length(rest.len()), &rest[..end]),
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A file of 5000 bytes, packed, and what is expected of it.
fn file() -> (Vec<u8>, RemoteFile) {
    let plain: Vec<u8> = (0..5000u32).map(|i| (i * i % 251) as u8).collect();
    let sha256 = Sha256::digest(&plain).iter().map(|b| format!("{b:02x}")).collect();
    (gzip(&plain), RemoteFile { name: "digits.gz".into(), contents: Contents::File { sha256, bytes: 5000 } })
}

/// Fetches into `to`; all notes on the way.
fn get(expected: &RemoteFile, servers: &[&Server], to: &Path) -> (gradus::Result<()>, Vec<String>) {
    let mirrors: Vec<String> = servers.iter().map(|server| server.address.clone()).collect();
    let mut notes = Vec::new();
    let result = fetch::get(std::slice::from_ref(expected), &mirrors, to, &mut |event| {
        if let FetchEvent::Note(line) = event {
            notes.push(line.to_owned());
        }
    });
    (result, notes)
}

#[test]
fn a_whole_file_comes_once() {
    let (packed, expected) = file();
    let server = Server::new(vec![Answer::Body(packed.clone())]);
    let dir = tempdir().unwrap();
    let to = dir.path().join("new/folder");
    let mut seen = Vec::new();
    fetch::get(std::slice::from_ref(&expected), std::slice::from_ref(&server.address), &to, &mut |event| {
        if let FetchEvent::Bytes(name, here, total) = event {
            assert_eq!((name, total), ("digits.gz", Some(packed.len() as u64)));
            seen.push(here);
        }
    })
    .unwrap();
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&(packed.len() as u64))));
    assert_eq!(fs::read(to.join("digits.gz")).unwrap(), packed);
    assert_eq!(names(&to), ["digits.gz"]);
    // Again: it is here, and no request is made.
    let (result, notes) = get(&expected, &[&server], &to);
    result.unwrap();
    assert_eq!((server.requests().len(), &*notes[0]), (1, "digits.gz is here already"));
    assert_eq!(server.requests(), ["/set/digits.gz"]);
    // What has the name but not the contents is replaced.
    fs::write(to.join("digits.gz"), b"something else").unwrap();
    get(&expected, &[&server], &to).0.unwrap();
    assert_eq!(fs::read(to.join("digits.gz")).unwrap(), packed);
}

#[test]
fn what_broke_off_is_resumed() {
    let (packed, expected) = file();
    let server = Server::new(vec![Answer::HangsUp(packed.clone(), 2000)]);
    let dir = tempdir().unwrap();
    get(&expected, &[&server], dir.path()).0.unwrap();
    assert_eq!(server.requests(), ["/set/digits.gz", "/set/digits.gz 2000-", "/set/digits.gz 4000-"]);
    assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
    assert_eq!(names(dir.path()), ["digits.gz"]);
}

#[test]
fn a_part_of_an_earlier_run_is_continued() {
    let (packed, expected) = file();
    let dir = tempdir().unwrap();
    // Too slow for three attempts: fails, and leaves what came.
    let server = Server::new(vec![Answer::HangsUp(packed.clone(), 1000)]);
    let error = get(&expected, &[&server], dir.path()).0.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("broke off after 3000 bytes"), "{error}");
    assert_eq!(fs::read(dir.path().join("digits.gz.part")).unwrap(), packed[..3000]);

    let server = Server::new(vec![Answer::Body(packed.clone())]);
    get(&expected, &[&server], dir.path()).0.unwrap();
    assert_eq!(server.requests(), ["/set/digits.gz 3000-"]);
    assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
    assert_eq!(names(dir.path()), ["digits.gz"]);
}

#[test]
fn a_part_that_does_not_fit_is_thrown_away() {
    let (packed, expected) = file();
    for (part, answers, requests) in [
        // Another packer's beginning, and one that is longer than the whole.
        (vec![7; 100], vec![Answer::Body(packed.clone())], vec!["/set/digits.gz 100-", "/set/digits.gz"]),
        (vec![7; 9000], vec![Answer::Body(packed.clone())], vec!["/set/digits.gz 9000-", "/set/digits.gz"]),
        // A server that knows no ranges sends all.
        (packed[..100].to_vec(), vec![Answer::WholeAlways(packed.clone())], vec!["/set/digits.gz 100-"]),
        (vec![7; 100], vec![Answer::WholeAlways(packed.clone())], vec!["/set/digits.gz 100-"]),
    ] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("digits.gz.part"), part).unwrap();
        let server = Server::new(answers);
        get(&expected, &[&server], dir.path()).0.unwrap();
        assert_eq!(server.requests(), requests);
        assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
        assert_eq!(names(dir.path()), ["digits.gz"]);
    }
}

#[test]
fn another_sum_is_refused_and_the_next_mirror_tried() {
    let (packed, expected) = file();
    let mut other = packed.clone();
    other.truncate(40);
    for (wrong, words) in [
        (gzip(&[1; 5000]), ": expected "),
        (gzip(&vec![1; 6000]), "more than the 5000 bytes"),
        (vec![0x1f; 1 << 18], "sends more than 10000 bytes"),
        (other, "cannot be read or unpacked"),
        (b"<html>Please log in</html>".to_vec(), "has the SHA-256"),
    ] {
        let (bad, good) = (Server::new(vec![Answer::Body(wrong)]), Server::new(vec![Answer::Body(packed.clone())]));
        let dir = tempdir().unwrap();
        let error = get(&expected, &[&bad], dir.path()).0.unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(words), "{words}: {error}");
        assert!(error.to_string().contains("--from PATH"), "{error}");
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let (result, notes) = get(&expected, &[&bad, &good], dir.path());
        result.unwrap();
        assert!(notes.len() == 1 && notes[0].starts_with(&bad.address), "{notes:?}");
        assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
    }
}

#[test]
fn a_mirror_that_is_missing_or_has_nothing_is_skipped() {
    let (packed, expected) = file();
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Server { address: format!("http://{}/", listener.local_addr().unwrap()), requests: Arc::default() }
    };
    let without = Server::new(vec![Answer::Status("404 Not Found")]);
    let ill = Server::new(vec![Answer::Status("503 Service Unavailable")]);
    let good = Server::new(vec![Answer::Body(packed.clone())]);
    let dir = tempdir().unwrap();
    let error = get(&expected, &[&nobody, &without, &ill], dir.path()).0.unwrap_err().to_string();
    assert!(
        error.contains("answers 404") && error.contains("answers 503") && error.contains(&nobody.address),
        "{error}"
    );
    let (result, notes) = get(&expected, &[&nobody, &without, &ill, &good], dir.path());
    result.unwrap();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
}

/// Partial responses without a range request, and ranges other than the requested one: the next mirror is tried.
#[test]
fn a_response_that_does_not_fit_leaves_the_next_mirror() {
    let (packed, expected) = file();
    let partial = |range: &str| Answer::As("206 Partial Content", range.to_owned(), packed[..1000].to_vec());
    for (words, bad) in [
        ("answers 416", Answer::Status("416 Range Not Satisfiable")),
        ("answers 206", partial("X-Nothing: to say")),
        ("answers 206", partial("Content-Range: bytes 7-1006/5023")),
        ("answers 206", partial("Content-Range: of all sorts")),
    ] {
        for part in [None, Some(&packed[..100])] {
            let (bad, good) = (Server::new(vec![bad.clone()]), Server::new(vec![Answer::Body(packed.clone())]));
            let dir = tempdir().unwrap();
            if let Some(part) = part {
                fs::write(dir.path().join("digits.gz.part"), part).unwrap();
            }
            let (result, notes) = get(&expected, &[&bad, &good], dir.path());
            result.unwrap_or_else(|e| panic!("{words}: {e}"));
            assert!(notes.len() == 1 && notes[0].contains(words), "{notes:?}");
            assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
            assert_eq!(names(dir.path()), ["digits.gz"]);
        }
    }
}

/// A server may send less than the rest: what came stays, and the rest is requested.
#[test]
fn a_part_of_the_part_is_continued() {
    let (packed, expected) = file();
    let piece = |from: usize, to: usize| {
        let range = format!("Content-Range: bytes {from}-{}/{}", to - 1, packed.len());
        Answer::As("206 Partial Content", range, packed[from..to].to_vec())
    };
    let server = Server::new(vec![piece(0, 2000), piece(2000, 4000), piece(4000, packed.len())]);
    let dir = tempdir().unwrap();
    get(&expected, &[&server], dir.path()).0.unwrap();
    assert_eq!(server.requests(), ["/set/digits.gz", "/set/digits.gz 2000-", "/set/digits.gz 4000-"]);
    assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
}

#[test]
fn a_body_that_drips_leaves_the_next_mirror() {
    let (packed, expected) = file();
    let drips = Server::new(vec![Answer::Drips(packed.clone(), Duration::from_millis(20))]);
    let good = Server::new(vec![Answer::Body(packed.clone())]);
    let dir = tempdir().unwrap();
    let mut notes = Vec::new();
    let patience = Patience { window: Duration::from_millis(300), floor: 1000, ..Patience::default() };
    let mirrors = [drips.address.clone(), good.address.clone()];
    let start = Instant::now();
    fetch::get_within(&patience, std::slice::from_ref(&expected), &mirrors, dir.path(), &mut |event| {
        if let FetchEvent::Note(line) = event {
            notes.push(line.to_owned());
        }
    })
    .unwrap();
    // At twenty milliseconds a byte the whole would take a hundred seconds.
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(notes.len() == 1 && notes[0].contains("is too slow"), "{notes:?}");
    assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), packed);
}

// ---- the command ------------------------------------------------------------------------------------------------

#[test]
fn the_command_prints_and_exits_as_it_should() {
    let folder = empty_folder("data-command");
    let cached = |args: &[&str]| -> crate::common::Ran {
        command(&folder, args).env("GRADUS_CACHE", folder.join("cache")).output().unwrap().into()
    };
    let listed = cached(&["data", "list"]);
    let out = &listed.says(0, &[]).out;
    assert!(out.contains("fashion-mnist") && out.contains("not here: gradus data get mnist"), "{out}");
    gradus(&folder, &["data"]).says(2, &[]);
    gradus(&folder, &["data", "get", "cifar"]).says(2, &["there are mnist, fashion-mnist, cifar-10"]);
    cached(&["data", "verify", "mnist"]).says(3, &["is not a folder", "gradus data get mnist"]);
    cached(&["data", "get", "mnist", "--from", "nowhere"]).says(3, &["nowhere", "does not exist"]);
    cached(&["data", "get", "mnist", "--from", "."]).says(3, &["none of the four files"]);
    let server = Server::new(vec![Answer::Status("404 Not Found")]);
    cached(&["data", "get", "mnist", "--from", &server.address]).says(3, &["answers 404", "train-images"]);
    assert_eq!(server.requests(), ["/set/train-images-idx3-ubyte.gz"]);
    // Files of the correct names and other contents.
    fs::create_dir_all(folder.join("own")).unwrap();
    for expected in PublicSet::Mnist.files() {
        let labels = Idx { shape: vec![3], data: vec![1, 2, 3] };
        fs::write(folder.join("own").join(format!("{}.gz", expected.name)), gzip(&labels.to_bytes())).unwrap();
    }
    cached(&["data", "verify", "mnist", "--from", "own"]).says(3, &["train-images-idx3-ubyte.gz", "SHA-256"]);
    cached(&["data", "get", "mnist", "--from", "own"]).says(3, &["is none of the files of mnist"]);
    assert!(!folder.join("cache/mnist/train-images-idx3-ubyte.gz").exists());
}

/// An archive is unpacked if it holds every file with its contents, and leaves nothing if not.
#[test]
fn an_archive_is_unpacked_when_all_of_it_is_right() {
    let files = ["one.bin", "two.bin"].map(|name| (name, name.repeat(300).into_bytes()));
    let packed = |files: &[(&str, Vec<u8>)]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, format!("folder/{name}"), &bytes[..]).unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    };
    let sums: Vec<&'static str> = files
        .iter()
        .map(|(_, bytes)| {
            let sum: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
            &*sum.leak()
        })
        .collect();
    let members = files.iter().zip(&sums).map(|((name, bytes), sha256)| PublicFile {
        name: (*name).to_owned(),
        sha256,
        bytes: bytes.len() as u64,
    });
    let expected = RemoteFile { name: "set.tar.gz".into(), contents: Contents::Archive(members.collect()) };
    let dir = tempdir().unwrap();
    let changed = [files[0].clone(), (files[1].0, b"other".to_vec())];
    for (bad, said) in [(&files[..1], "holds no two.bin"), (&changed[..], "holds a two.bin with the SHA-256")] {
        let server = Server::new(vec![Answer::Body(packed(bad))]);
        let refusal = get(&expected, &[&server], dir.path()).0.unwrap_err().to_string();
        assert!(refusal.contains(said), "{refusal}");
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }
    let server = Server::new(vec![Answer::HangsUp(packed(&files), 700), Answer::Body(packed(&files))]);
    get(&expected, &[&server], dir.path()).0.unwrap();
    assert_eq!(names(dir.path()), ["one.bin", "two.bin"]);
    assert_eq!(fs::read(dir.path().join("two.bin")).unwrap(), files[1].1);
    let (again, notes) = get(&expected, &[&server], dir.path());
    again.unwrap();
    assert_eq!((notes.len(), server.requests().len()), (1, 2), "{notes:?}");
}

/// The real files, if the variable GRADUS_DATA names a folder that holds `mnist/`.
#[test]
fn the_real_set_is_copied_and_fetched() {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return;
    };
    let mnist = Path::new(&root).join("mnist");
    let folder = empty_folder("data-real");
    let run = |args: &[&str]| -> crate::common::Ran {
        command(&folder, args).env("GRADUS_CACHE", folder.join("cache")).output().unwrap().into()
    };
    let copied = run(&["data", "get", "mnist", "--from", mnist.to_str().unwrap()]);
    assert_eq!(
        copied.says(0, &["t10k-labels-idx1-ubyte.gz: the checksum is correct"]).out.trim(),
        folder.join("cache/mnist").to_str().unwrap()
    );
    assert_eq!(run(&["data", "verify", "mnist"]).says(0, &[]).out.matches("ok ").count(), 4);
    assert!(run(&["data", "list"]).says(0, &[]).out.contains("cache/mnist"));
    // A single file is recognized; the others are still missing.
    let labels = mnist.join("t10k-labels-idx1-ubyte.gz");
    let alone = ["data", "get", "mnist", "--to", "alone", "--from", labels.to_str().unwrap()];
    run(&alone).says(3, &["t10k-labels-idx1-ubyte.gz: the checksum is correct", "lacks one of the four files"]);
    // From a server that hangs up in the middle of each file.
    let mut answers = Vec::new();
    for expected in PublicSet::Mnist.files() {
        let body = fs::read(mnist.join(format!("{}.gz", expected.name))).unwrap();
        answers.extend([Answer::HangsUp(body.clone(), body.len() / 2), Answer::Body(body)]);
    }
    let server = Server::new(answers);
    run(&["data", "get", "mnist", "--from", &server.address, "--to", "fetched"]).says(0, &[]);
    assert_eq!(server.requests().len(), 8);
    run(&["data", "verify", "mnist", "--from", "fetched"]).says(0, &[]);
}
