//! What depends on the chosen class, for further classes of the same run: the nodes behind the choice, in a loop over them.
//! The network itself is run once, and what of the gradient does not depend on the class is computed once too.

use std::collections::{HashMap, HashSet};

use crate::model::gradient::{CLASS, FURTHER_CLASS, FURTHER_SLOT, SLOT};
use crate::onnx::node::{captured, integers, node, rename, sized, value, with_graph};
use crate::onnx::proto::{self, data_type};

/// Number of a turn of the loop, and whether there is another one.
const TURN: &str = "camoverlay/further_turn";
const GOES_ON: &str = "camoverlay/further_goes_on";

/// What is carried from turn to turn: nothing of use, but before operator set 11 a loop must.
const CARRIED: &str = "camoverlay/further_carried";

/// Adds, behind the input [`SLOT`], [`FURTHER_CLASS`] and [`FURTHER_SLOT`] (int64, n values each, n from 0 on), and behind the outputs one more
/// for each that depends on the chosen class, in their order: n rows, each what that output is for one of these choices.
pub fn append(proto: &mut proto::Graph) {
    let choice = [CLASS, SLOT].map(str::to_owned);
    let mut follows = HashSet::from(choice);
    let mut behind = Vec::new();
    for node in &proto.node {
        let mut read: HashSet<String> = node.input.iter().cloned().collect();
        captured(node, &mut read);
        if !read.is_disjoint(&follows) {
            follows.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
            behind.push(node.clone());
        }
    }
    let results: Vec<String> = proto
        .output
        .iter()
        .map(|output| output.name().to_owned())
        .filter(|name| follows.contains(name))
        .collect();
    let inner = |name: &str| format!("{name}/camoverlay_turn");
    let renamed: HashMap<String, String> = follows
        .iter()
        .map(|name| (name.clone(), inner(name)))
        .collect();
    let carry = |name| node("Identity", &[name], &inner(name));
    let mut nodes = Vec::from([GOES_ON, CARRIED].map(carry));
    let mut inputs = Vec::new();
    for (name, numbers, sizes) in [
        (CLASS, FURTHER_CLASS, &[1, 1][..]),
        (SLOT, FURTHER_SLOT, &[1]),
    ] {
        let number = format!("{name}/camoverlay_number");
        let shape = format!("{name}/camoverlay_shape");
        nodes.push(node("Gather", &[numbers, TURN], &number));
        nodes.push(node("Reshape", &[&number, &shape], &renamed[name]));
        proto.initializer.push(integers(&shape, sizes));
        inputs.push(sized(value(numbers, data_type::INT64), &[-1]));
    }
    let place = proto.input.iter().position(|input| input.name() == SLOT);
    let place = place.map_or(proto.input.len(), |place| place + 1);
    proto.input.splice(place..place, inputs);
    for mut node in behind {
        rename(&mut node, &renamed);
        nodes.push(node);
    }
    let of_turn = results
        .iter()
        .map(|name| value(&renamed[name], data_type::FLOAT));
    let kept = [
        sized(value(&inner(GOES_ON), data_type::BOOL), &[]),
        sized(value(&inner(CARRIED), data_type::INT64), &[-1]),
    ];
    let body = proto::Graph {
        // The attribute has its name.
        name: Some("body".to_owned()),
        node: nodes,
        input: vec![
            sized(value(TURN, data_type::INT64), &[]),
            sized(value(GOES_ON, data_type::BOOL), &[]),
            sized(value(CARRIED, data_type::INT64), &[-1]),
        ],
        output: kept.into_iter().chain(of_turn).collect(),
        ..proto::Graph::default()
    };
    let turns = "camoverlay/further_turns";
    proto.node.push(node("Shape", &[FURTHER_CLASS], turns));
    let turned = node("Loop", &[turns, "", FURTHER_SLOT], "camoverlay/further");
    let mut turned = with_graph(turned, body);
    for name in &results {
        let all = format!("{name}/camoverlay_further");
        proto.output.push(value(&all, data_type::FLOAT));
        turned.output.push(all);
    }
    proto.node.push(turned);
}
