//! `docs/performance.md`.

use std::{fmt::Write, time::Duration};

use crate::{
    Effort, FULL_HD, by_hand, element, flight, levels, machine, map, network::Network,
    probe::Start, providers, streams,
};

pub struct Document {
    text: String,
}

impl Document {
    pub fn new(networks: &[Network], effort: Effort) -> Self {
        let names: Vec<&str> = networks.iter().map(|network| network.nick).collect();
        let mut document = Self {
            text: format!(
                "# Performance\n\n\
                 Written by `make bench`. Times are medians in milliseconds, over {} rounds or {:.1} s, whichever is \
                 longer. What is compared takes turns in one run, so the ratios travel better than the times. *Bare \
                 network* is `session.run` of the network file as it is, on a tensor of the same size with the same \
                 threads and session options; *copy* is one `memcpy` of the frame in the caches, \
                 *cold copy* the same after the network ran.\n\n",
                effort.rounds,
                effort.row.as_secs_f64()
            ),
        };
        let machine = machine::describe();
        document.table(
            &["", ""],
            machine
                .into_iter()
                .map(|(what, which)| vec![what.to_owned(), which]),
        );
        document.paragraph(&format!("Networks here: {}.", names.join(", ")));
        document
    }

    /// One without the introduction.
    pub fn empty() -> Self {
        Self {
            text: String::new(),
        }
    }

    pub fn frames(&mut self, network: &Network, rows: &[element::Row]) {
        self.heading(&format!("A frame with {}", network.nick));
        if self.text.matches("## A frame").count() == 1 {
            self.paragraph(
                "Frames come out of a pool, two pictures in turns, with labels drawn. *Prepare*, *infer*, *map* and \
                 *paint* are the steps of the `stats` property: frame to tensor, network, class map, heat and overlay. \
                 *Total* is from pushing the frame into the element to having it back; the *rest* of it is captions, \
                 metadata and the way through GStreamer. Sampling finds the frame in the caches where it was just \
                 written, painting finds it as the network left it. In brackets: in copies, and for painting in cold \
                 copies, of the frame.",
            );
        }
        self.table(
            &[
                "frame",
                "prepare",
                "infer",
                "map",
                "paint",
                "rest",
                "total",
                "bare network",
                "copy",
                "cold copy",
                "total / network",
            ],
            rows.iter().map(|row| {
                let [prepare, infer, map, paint] = row.steps;
                vec![
                    row.name.clone(),
                    format!("{} ({})", ms(prepare), factor(prepare, row.copy)),
                    ms(infer),
                    ms(map),
                    format!(
                        "{} ({}, {})",
                        ms(paint),
                        factor(paint, row.copy),
                        factor(paint, row.cold_copy)
                    ),
                    ms(row.rest),
                    ms(row.total),
                    ms(row.network),
                    format!("{:.3}", row.copy.as_secs_f64() * 1e3),
                    format!("{:.3}", row.cold_copy.as_secs_f64() * 1e3),
                    ratio(row.total, row.network),
                ]
            }),
        );
    }

    pub fn levels(&mut self, network: &Network, rows: &[levels::Row]) {
        self.heading("Level by level");
        self.paragraph(&format!(
            "Frames with {}, our own part of them held to one level of instructions (`CAMOVERLAY_SIMD`), the network \
             with all that it finds. *Baseline* is what the compiler makes of plain code with the least that such machines have; \
             each other level has kernels by hand. In brackets: how many times as long as the best level.",
            network.nick
        ));
        let best = |row: &levels::Row| {
            let mut same = rows.iter().filter(|other| other.frame == row.frame);
            same.next_back()
                .map_or((row.prepare, row.paint), |best| (best.prepare, best.paint))
        };
        self.table(
            &[
                "frame",
                "level",
                "prepare",
                "paint",
                "total",
                "bare network",
                "total / network",
            ],
            rows.iter().map(|row| {
                let (prepare, paint) = best(row);
                vec![
                    row.frame.clone(),
                    row.level.to_owned(),
                    format!("{} ({})", ms(row.prepare), factor(row.prepare, prepare)),
                    format!("{} ({})", ms(row.paint), factor(row.paint, paint)),
                    ms(row.total),
                    ms(row.network),
                    ratio(row.total, row.network),
                ]
            }),
        );
    }

    pub fn maps(&mut self, rows: &[map::Row]) {
        self.heading("What the map costs the network");
        self.paragraph(&format!(
            "The same tensor, for frames of {} (networks with a fixed input: of that size): the network file as it is; \
             the network that returns its feature map, and the gradient of the best class's logit where the head has \
             several layers, too; class map, best classes and scores made of that; and pytorch-grad-cam's map of the same \
             network in PyTorch (`benches/by_hand/grad_cam_maps.py`; in brackets, how many times as long as ours). Memory is what is resident in a \
             process that does nothing else.",
            size(FULL_HD)
        ));
        if rows.iter().any(|row| row.is_stand_in) {
            self.paragraph(
                "Networks marked * have random numbers for weights, as the registries offer none: torchvision's \
                 architectures as `make bench-python` exports them, and timm's as `make recipes-python` does.",
            );
        } else {
            self.paragraph("Networks with heads of several layers were not measured: `make bench-python` exports some.");
        }
        self.table(
            &[
                "network",
                "head",
                "tensor",
                "bare network",
                "with feature map",
                "map and scores",
                "with map / bare",
                "pytorch-grad-cam",
                "bare network, MiB",
                "with map, MiB",
            ],
            rows.iter().map(|row| {
                vec![
                    format!("{}{}", row.name, if row.is_stand_in { " *" } else { "" }),
                    row.head.to_owned(),
                    size(row.tensor),
                    ms(row.network),
                    ms(row.with_features),
                    format!("{:.3}", row.map.as_secs_f64() * 1e3),
                    ratio(row.with_features + row.map, row.network),
                    row.grad_cam.map_or("-".to_owned(), |time| {
                        format!(
                            "{} ({} x)",
                            ms(time),
                            factor(time, row.with_features + row.map)
                        )
                    }),
                    mib(row.network_memory as f64),
                    mib(row.map_memory as f64),
                ]
            }),
        );
    }

    pub fn by_hand(&mut self, rows: &[by_hand::Row]) {
        self.heading("Written by hand");
        self.paragraph(
            "Whole frames, packed RGB in and out, the frame already in the program's memory. *NumPy* and *OpenCV* are \
             the same loop in Python around ONNX Runtime (`benches/by_hand/opencv_loop.py`), blending as the formulas \
             read, and with an OpenCV function for every pass over the frame. *pytorch-grad-cam* is that library's \
             GradCAM and picture on torchvision's network on the CPU (`benches/by_hand/grad_cam.py`). In brackets: how \
             many times as long as the element.",
        );
        if by_hand::python().is_none() {
            return self
                .paragraph("Not measured: `make bench-python` sets up what these programs need.");
        }
        let slower = |time: Option<Duration>, row: &by_hand::Row| {
            time.map_or("-".to_owned(), |time| {
                format!("{} ({} x)", ms(time), factor(time, row.element))
            })
        };
        self.table(
            &[
                "network",
                "frame",
                "camoverlay",
                "NumPy",
                "OpenCV",
                "pytorch-grad-cam",
            ],
            rows.iter().map(|row| {
                vec![
                    row.nick.to_owned(),
                    size(row.frame),
                    ms(row.element),
                    slower(row.numpy, row),
                    slower(row.opencv, row),
                    slower(row.grad_cam, row),
                ]
            }),
        );
    }

    pub fn starts(&mut self, rows: &[Start]) {
        self.heading("First frame and memory");
        self.paragraph(&format!(
            "Each in a process of its own, {} RGB. *First frame*: from READY to the first painted frame, loading ONNX \
             Runtime and the network included. Memory is what is resident after some frames, without the frames \
             themselves; *bare network* is a process that does nothing but run the network.",
            size(FULL_HD)
        ));
        self.table(
            &[
                "network",
                "first frame",
                "memory, MiB",
                "bare network, MiB",
                "more, MiB",
            ],
            rows.iter().map(|row| {
                vec![
                    row.nick.to_owned(),
                    ms(row.first_frame),
                    mib(row.element as f64),
                    mib(row.network as f64),
                    mib(row.element as f64 - row.network as f64),
                ]
            }),
        );
    }

    pub fn streams(&mut self, network: &Network, rows: &[streams::Row]) {
        self.heading("Streams beside each other");
        self.paragraph(&format!(
            "Elements in one process that share {}, {} RGB, each pushed by its own thread as fast as it goes. Memory is \
             without the frames.",
            network.nick,
            size(streams::FRAME)
        ));
        let one = rows.first().map_or(1.0, |row| row.memory as f64);
        self.table(
            &[
                "streams",
                "frames/s",
                "bare network, runs/s",
                "share",
                "memory, MiB",
                "of one stream's",
            ],
            rows.iter().map(|row| {
                vec![
                    row.count.to_string(),
                    format!("{:.1}", row.frames),
                    format!("{:.1}", row.network),
                    format!("{:.0} %", row.frames / row.network * 100.0),
                    mib(row.memory as f64),
                    format!("{:.2}", row.memory as f64 / one),
                ]
            }),
        );
    }

    pub fn flight(&mut self, rows: &[flight::Row]) {
        self.heading("Frames in flight");
        self.paragraph(&format!(
            "Frames a second of one stream of {} I420 with `frames-in-flight` from 1 to {}, each frame written into its memory \
             before it is pushed, as a decoder does. In brackets: how many times as many as with one. The machine's load average was \
             {} at the end.",
            size(FULL_HD),
            flight::FLIGHTS[flight::FLIGHTS.len() - 1],
            machine::load()
        ));
        self.table(
            &["network", "provider", "threads", "1", "2", "3", "4"],
            rows.iter().map(|row| {
                let [one, others @ ..] = row.rates;
                let mut cells = vec![
                    row.network.to_owned(),
                    row.provider.to_owned(),
                    row.threads.to_string(),
                    format!("{one:.1}"),
                ];
                cells.extend(others.map(|rate| format!("{rate:.1} ({:.2})", rate / one)));
                cells
            }),
        );
    }

    pub fn providers(&mut self, rows: &[providers::Row]) {
        self.heading("Execution providers");
        self.paragraph(&format!(
            "Whole frames of {} I420, the least of processes that take turns. *First frame*: from READY, with what the provider \
             keeps on disk there already. In brackets: next to `cpu`. The machine's load average was {} at the end.",
            size(FULL_HD),
            machine::load()
        ));
        self.table(
            &[
                "network",
                "provider",
                "`precision`",
                "first frame",
                "infer",
                "total",
                "frames/s",
            ],
            rows.iter().map(|row| {
                let mut same = rows.iter().filter(|other| other.network == row.network);
                let cpu = same.next().unwrap_or(row);
                let more = row.first_frame.as_secs_f64() - cpu.first_frame.as_secs_f64();
                vec![
                    row.network.to_owned(),
                    row.provider.to_owned(),
                    row.precision.to_owned(),
                    format!("{} ({:+.0})", ms(row.first_frame), more * 1e3),
                    format!("{} ({})", ms(row.infer), ratio(row.infer, cpu.infer)),
                    format!("{} ({})", ms(row.total), ratio(row.total, cpu.total)),
                    format!("{:.1}", 1.0 / row.total.as_secs_f64()),
                ]
            }),
        );
    }

    /// Measures and writes the section called `part`.
    pub fn part(&mut self, part: &str, networks: &[Network], effort: Effort) {
        let first = &networks[0];
        match part {
            "levels" => self.levels(first, &levels::rows(first, effort)),
            "maps" => self.maps(&map::rows(networks, effort)),
            "streams" => self.streams(
                first,
                &[1, 2, 4].map(|count| streams::Row::measure(first, count, effort)),
            ),
            "flight" => self.flight(&flight::rows(networks, effort)),
            "providers" => self.providers(&providers::rows(networks, effort)),
            _ => panic!("PART= takes levels, maps, streams, flight or providers, not “{part}”."),
        }
    }

    /// Puts the section that this is in its place in `text`, or at its end.
    pub fn put_into(self, text: &str) -> String {
        let heading = self.text.lines().next().unwrap_or_default();
        let start = text.find(&format!("{heading}\n")).unwrap_or(text.len());
        let rest = &text[text.len().min(start + heading.len())..];
        let after = rest.find("\n## ").map_or("", |next| &rest[next + 1..]);
        let before = text[..start].trim_end();
        format!(
            "{}\n",
            format!("{before}\n\n{}{after}", self.text).trim_end()
        )
    }

    pub fn text(self) -> String {
        format!("{}\n", self.text.trim_end())
    }

    fn heading(&mut self, text: &str) {
        let _ = write!(self.text, "## {text}\n\n");
    }

    fn paragraph(&mut self, text: &str) {
        let _ = write!(self.text, "{text}\n\n");
    }

    fn table(&mut self, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let _ = writeln!(self.text, "| {} |", head.join(" | "));
        let _ = writeln!(self.text, "|{}", "---|".repeat(head.len()));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
        self.text.push('\n');
    }
}

fn size((width, height): (usize, usize)) -> String {
    format!("{width} x {height}")
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

fn mib(bytes: f64) -> String {
    format!("{:.1}", bytes / f64::from(1 << 20))
}

fn factor(time: Duration, unit: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() / unit.as_secs_f64())
}

fn ratio(time: Duration, unit: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() / unit.as_secs_f64())
}
