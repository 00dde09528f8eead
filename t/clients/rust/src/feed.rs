//! What the client is told, what it counts and what it prints.
//!
//!     CLIENT URL COUNT CA DEFLATE SUBPROTOCOL
//!
//! CA is a file of certificates or "-"; DEFLATE is "off", since tungstenite
//! has none.  The client takes COUNT records, closes with 1000 and prints one
//! line of JSON.

use std::collections::BTreeMap;

use serde_json::{json, Value};
use sha2::{Digest, Sha256};

pub struct Feed {
    pub url: String,
    pub ca: Option<Vec<u8>>,
    pub protocol: String,
    count: u64,
    records: u64,
    digests: BTreeMap<u64, Sha256>,
    cursor: BTreeMap<u64, u64>,
}

impl Feed {
    pub fn new() -> Feed {
        let args: Vec<String> = std::env::args().skip(1).collect();

        if args.len() != 5 || args[3] != "off" {
            panic!("usage: CLIENT URL COUNT CA off SUBPROTOCOL");
        }

        Feed {
            url: args[0].clone(),
            count: args[1].parse().expect("count"),
            ca: match args[2].as_str() {
                "-" => None,
                file => Some(std::fs::read(file).expect("certificates")),
            },
            protocol: args[4].clone(),
            records: 0,
            digests: BTreeMap::new(),
            cursor: BTreeMap::new(),
        }
    }

    /// Takes a message; returns true once all records are there.
    pub fn take(&mut self, text: bool, data: &[u8]) -> bool {
        if self.protocol == "kafka.json.v1" {
            self.take_json(serde_json::from_slice(data).expect("JSON"));
        } else {
            assert_eq!(text, self.protocol == "kafka.text.v1");
            self.add(0, format!("{}:", data.len()).as_bytes(), data);
        }

        self.records >= self.count
    }

    fn take_json(&mut self, message: Value) {
        if message.get("event").is_some() {
            if let Some(partitions) = message["partitions"].as_array() {
                for p in partitions {
                    self.cursor.insert(
                        p["partition"].as_u64().expect("partition"),
                        p["offset"].as_u64().expect("offset"),
                    );
                }
            }

            return;
        }

        let partition = message["partition"].as_u64().expect("partition");
        let offset = message["offset"].as_u64().expect("offset");
        let key = message["key"].as_str().expect("key");
        let value = message["value"].as_str().expect("value");

        self.add(
            partition,
            format!("{}:{}:", offset, key).as_bytes(),
            value.as_bytes(),
        );
        self.cursor.insert(partition, offset + 1);
    }

    fn add(&mut self, partition: u64, head: &[u8], value: &[u8]) {
        let digest = self.digests.entry(partition).or_default();

        digest.update(head);
        digest.update(value);
        digest.update(b"\n");
        self.records += 1;
    }

    /// Prints the line, with what the library says about the connection.
    pub fn report(self, library: &str, protocol: &str, code: u16, clean: bool) {
        let digests: BTreeMap<String, String> = self
            .digests
            .into_iter()
            .map(|(p, d)| (p.to_string(), format!("{:x}", d.finalize())))
            .collect();
        let cursor: Vec<String> = self
            .cursor
            .iter()
            .map(|(p, offset)| format!("{}:{}", p, offset))
            .collect();

        println!(
            "{}",
            json!({
                "library": library,
                "records": self.records,
                "digests": digests,
                "cursor": cursor.join(","),
                "protocol": protocol,
                "extensions": "",
                "code": code,
                "clean": clean,
            })
        );
    }
}
