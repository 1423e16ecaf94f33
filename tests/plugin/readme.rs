//! The README's table of properties equals the element's own.

use crate::common;

use gst::{glib, prelude::*};

/// `name | type, default | changeable` of each property, as the README writes it.
fn rows() -> Vec<String> {
    common::init();
    let element = gst::ElementFactory::make("camoverlay").build().unwrap();
    let own = element.list_properties();
    own.iter()
        .filter(|spec| spec.name() == "qos" || spec.owner_type() == element.type_())
        .map(|spec| {
            format!(
                "| `{}` | {} | {} |",
                spec.name(),
                type_and_default(&element, spec),
                changeable(spec)
            )
        })
        .collect()
}

fn type_and_default(element: &gst::Element, spec: &glib::ParamSpec) -> String {
    let value = element.property_value(spec.name());
    if spec.downcast_ref::<glib::ParamSpecEnum>().is_some() {
        let (_, value) = glib::EnumValue::from_value(&value).unwrap();
        return format!("enum, `{}`", value.nick());
    }
    match value.type_() {
        glib::Type::STRING => match value.get::<Option<&str>>().unwrap() {
            Some(text) => format!("string, `{text}`"),
            None => "string, unset".into(),
        },
        glib::Type::U32 => format!("uint, {}", value.get::<u32>().unwrap()),
        glib::Type::I32 => format!("int, {}", value.get::<i32>().unwrap()),
        glib::Type::U64 => format!("uint64, {}", value.get::<u64>().unwrap()),
        other if other == gst::Array::static_type() => "array of double, empty".into(),
        glib::Type::F64 => format!("double, {}", value.get::<f64>().unwrap()),
        glib::Type::BOOL => format!("boolean, {}", value.get::<bool>().unwrap()),
        other => other.name().into(),
    }
}

fn changeable(spec: &glib::ParamSpec) -> &'static str {
    let flags = spec.flags();
    let has = |flag: glib::ParamFlags| flags.bits() & flag.bits() != 0;
    if !flags.contains(glib::ParamFlags::WRITABLE) {
        "read-only"
    } else if has(gst::PARAM_FLAG_CONTROLLABLE) {
        "PLAYING, controllable"
    } else if has(gst::PARAM_FLAG_MUTABLE_READY) {
        "READY"
    } else {
        "PLAYING"
    }
}

#[test]
fn the_table_of_properties_is_the_elements() {
    let readme = std::fs::read_to_string(common::source("README.md")).unwrap();
    for row in rows() {
        assert!(
            readme.contains(row.trim_end_matches('|')),
            "the README lacks this row:\n{row}"
        );
    }
}
