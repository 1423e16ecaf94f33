//! What the maps of each method are worth on the picture, for people and for programs.

use std::fmt::Write;

use camoverlay::faithfulness::{Faithfulness, Ranking};

fn name(ranking: Ranking) -> &'static str {
    match ranking {
        Ranking::Map(method) => method.name(),
        Ranking::Random => "(random)",
        Ranking::Centre => "(centre)",
    }
}

/// A table for people, and what it says.
pub fn text(measured: &[Faithfulness]) -> String {
    let mut text = format!(
        "\n{:20} {:>8} {:>9} {:>7} {:>7}\n",
        "faithfulness", "deletion", "insertion", "drop", "ROAD"
    );
    for one in measured {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:20} {:8.3} {:9.3} {:7.3} {:7.3}",
            name(one.ranking),
            one.deletion,
            one.insertion,
            one.average_drop,
            // No minus before what is rounded to nothing.
            (one.road * 1e3).round() / 1e3 + 0.0
        );
    }
    let of = |ranking: Ranking| measured.iter().find(|one| one.ranking == ranking);
    let beats = |one: &Faithfulness, ranking: Ranking| {
        of(ranking).is_none_or(|other| one.insertion > other.insertion && one.road > other.road)
    };
    let mut groups: [Vec<&str>; 3] = Default::default();
    for one in measured {
        let Ranking::Map(method) = one.ranking else {
            continue;
        };
        let group = match (beats(one, Ranking::Random), beats(one, Ranking::Centre)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        groups[group].push(method.name());
    }
    let verdicts = [
        "The score hangs on what these show, more than on random maps and on the picture's centre",
        "These beat random maps, but not the picture's centre, where what the class is seen by may lie",
        "These beat random maps no more than by chance",
    ];
    for (verdict, names) in verdicts.into_iter().zip(groups) {
        if !names.is_empty() {
            let _ = writeln!(text, "{verdict}: {}.", names.join(", "));
        }
    }
    text += "Insertion and ROAD are compared, of one picture: a method is judged by many.\n";
    text
}

/// The same as a JSON array.
pub fn json(measured: &[Faithfulness]) -> String {
    let rows = measured.iter().map(|one| {
        format!(
            "{{\"ranking\":\"{}\",\"deletion\":{:?},\"insertion\":{:?},\"average-drop\":{:?},\"road\":{:?}}}",
            name(one.ranking),
            one.deletion,
            one.insertion,
            one.average_drop,
            one.road
        )
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}
