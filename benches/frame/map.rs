//! What the explanation adds to a run of the network.

use std::time::{Duration, Instant};

use gstcamoverlay::{
    explain::{Explanation, Method, Request},
    network::{Classifier, Target},
};

use crate::{Effort, bare::Bare, median, network::Network};

/// Medians of one network on the tensor of one frame size.
pub struct Row {
    pub nick: &'static str,
    /// Width and height of the tensor.
    pub tensor: (usize, usize),
    /// The network file as it is.
    pub network: Duration,
    /// The network that also returns its feature map.
    pub with_features: Duration,
    /// Class map, best classes and scores.
    pub map: Duration,
}

impl Row {
    pub fn measure(network: &Network, frame: (usize, usize), effort: Effort) -> Self {
        eprintln!("{} with its map", network.nick);
        let tensor = network.tensor_size(frame);
        let mut bare = Bare::open(network, frame);
        let mut classifier = Classifier::open(&network.options()).expect("the network is here");
        let mut explanation = Explanation::default();
        let request = Request {
            target: Target::Rank(0),
            top_k: 3,
            method: Method::default(),
        };
        let (mut networks, mut features, mut maps) = (Vec::new(), Vec::new(), Vec::new());
        effort.repeat(|counts| {
            let network_time = bare.run();
            let start = Instant::now();
            let activation = classifier
                .run(&bare.tensor, tensor.0, tensor.1, request.target)
                .expect("the network runs");
            let features_time = start.elapsed();
            explanation
                .update(&activation, &request)
                .expect("the network can be explained");
            let map_time = start.elapsed() - features_time;
            if counts {
                networks.push(network_time);
                features.push(features_time);
                maps.push(map_time);
            }
        });
        Self {
            nick: network.nick,
            tensor,
            network: median(networks),
            with_features: median(features),
            map: median(maps),
        }
    }
}
