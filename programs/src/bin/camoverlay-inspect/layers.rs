//! The list of layers that can be explained.

use camoverlay::inference::printable;
use camoverlay::model::Layer;
use serde_json::json;

use super::table;

/// A line for each layer under a line of headings; `*` marks the one that is explained unless another is asked for.
pub fn text(layers: &[Layer]) -> String {
    let row = |layer: &Layer| {
        [
            if layer.is_chosen { "*" } else { "" }.to_owned(),
            printable(&layer.tensor),
            printable(&layer.operator),
            layer
                .channels
                .map_or("?".to_owned(), |channels| channels.to_string()),
            format!("{} x {}", layer.cells[1], layer.cells[0]),
            layer
                .receptive_field
                .map_or("all".to_owned(), |[height, width]| {
                    format!("{width} x {height}")
                }),
            format!("{:.0} %", 100.0 * layer.cost),
        ]
    };
    let headings = [
        "",
        "layer",
        "made by",
        "channels",
        "cells",
        "a cell sees",
        "cost",
    ]
    .map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(headings)
        .chain(layers.iter().map(row))
        .collect();
    table::text(&rows)
}

/// An array with an object for each layer.
pub fn json(layers: &[Layer]) -> String {
    let layers: Vec<serde_json::Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "layer": layer.tensor,
                "operator": layer.operator,
                "channels": layer.channels,
                "height": layer.cells[0],
                "width": layer.cells[1],
                "receptive-field": layer.receptive_field,
                "cost": layer.cost,
                "chosen": layer.is_chosen,
            })
        })
        .collect();
    format!("{}\n", serde_json::Value::Array(layers))
}
