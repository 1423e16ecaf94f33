use super::lines as lines_of;
use super::*;
use crate::inference::labels::Labels;

fn names(text: &str, classes: usize) -> Vec<String> {
    let labels = Labels::from_iter(parse(text, classes, false).unwrap());
    labels.iter().map(|label| label.to_string()).collect()
}

#[test]
fn all_shapes_give_the_same() {
    for text in [
        "red\ngreen\nblue\n",
        "\u{feff}red\r\ngreen\r\nblue\r\n\r\n",
        "0: red\n1: green\n2: blue\n",
        "0 red\n1 green\n2 blue",
        "0:red\n1:green\n2:blue",
        "2\tblue\n0\tred\n1\tgreen\n",
        "0,red\n1,green\n2,blue",
        "0: 'red'\n1: 'green'\n2: 'blue'",
        "  0: red\n\n  1: green\n  2: blue",
        r#"["red", "green", "blue"]"#,
        r#"{"0": "red", "2": "blue", "1": "green"}"#,
        r#"{"id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
        r#"{"architectures": ["X"], "label2id": {"red": 0, "green": 1, "blue": 2},
            "id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
        r#"{"red": 0, "blue": 2, "green": 1}"#,
        r#"{"names": ["red", "green", "blue"]}"#,
        r#"{"0": ["n01", "red"], "1": ["n02", "green"], "2": ["n03", "blue"]}"#,
        "{0: 'red', 1: 'green',\n 2: 'blue'}",
        "['red', 'green', 'blue']",
        "index,label\n0,red\n1,green\n2,blue\n",
        "label,index\nblue,2\nred,0\ngreen,1\n",
        "\"name\";\"id\"\r\n\"red\";\"0\"\r\n\"green\";\"1\"\r\n\"blue\";\"2\"\r\n",
        "index\tmid\tdisplay_name\n0\t/m/1\tred\n1\t/m/2\tgreen\n2\t/m/3\tblue",
        ",label\n0,red\n1,green\n2,blue\n",
        "class,name\n0,red\n1,green\n2,blue\n",
        "id,class\n0,red\n1,green\n2,blue\n",
        "label\nred\ngreen\nblue\n",
        "\"red\"\n\"green\"\n\"blue\"\n",
        "{\"name\": \"red\"}\n{\"name\": \"green\"}\n\n{\"name\": \"blue\"}\n",
        "{\"id\": 2, \"name\": \"blue\"}\n{\"id\": 0, \"name\": \"red\"}\n{\"id\": 1, \"name\": \"green\"}",
        "{\"label\": 1, \"name\": \"green\"}\n{\"label\": 0, \"name\": \"red\"}\n{\"label\": 2, \"name\": \"blue\"}",
        "{\"id\": 1, \"label\": \"red\"}\n{\"id\": 2, \"label\": \"green\"}\n{\"id\": 5, \"label\": \"blue\"}",
        "{'class_name': 'red', 'id': 'n01'}\n{'class_name': 'green', 'id': 'n02'}\n{'class_name': 'blue', 'id': 'n03'}",
        "[\"n01\", \"red\"]\n[\"n02\", \"green\"]\n[\"n03\", \"blue\"]\n",
        r#"[{"id": 1, "name": "green"}, {"id": 0, "name": "red"}, {"id": 2, "name": "blue"}]"#,
        "red\rgreen\rblue\r",
        "index,label\r1,green\r0,red\r2,blue",
        "{\"id\": 1, \"name\": \"green\"}\r{\"id\": 0, \"name\": \"red\"}\r{\"id\": 2, \"name\": \"blue\"}\r",
        "red\r\r\ngreen\r\r\nblue\r\r\n",
    ] {
        assert_eq!(names(text, 3), ["red", "green", "blue"], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_shape_is_left_alone() {
    for (text, expected) in [
        ("1\n2\n3\n", &["1", "2", "3"][..]),
        ("5\n10\n20\n", &["5", "10", "20"]),
        ("0 degrees\n1 degrees\n", &["0 degrees", "1 degrees"]),
        ("1 euro\n2 euros\n", &["1 euro", "2 euros"]),
        ("0th\n1st\n", &["0th", "1st"]),
        ("label\nname\n", &["label", "name"]),
        (
            "tench, Tinca tinca\nname, index\n",
            &["tench, Tinca tinca", "name, index"],
        ),
        ("[unused]\nred\n", &["[unused]", "red"]),
        ("\nred\n", &["", "red"]),
        ("1:1\n1:2\n2:1\n", &["1:1", "1:2", "2:1"]),
        ("0:0\n0:1\n", &["0:0", "0:1"]),
        ("[1]\n[2]\n", &["[1]", "[2]"]),
        ("{\"label\": \"9\"}\n{\"label\": \"5\"}\n", &["9", "5"]),
        ("\"red\" wine\nwhite\n", &["\"red\" wine", "white"]),
    ] {
        assert_eq!(names(text, expected.len()), expected, "{text}");
    }
}

#[test]
fn quotes_of_a_table_hold_separators() {
    let text = "index,label\n1,\"great white shark, white shark\"\n0,\"say \"\"cheese\"\"\"\n";
    assert_eq!(
        names(text, 2),
        ["say \"cheese\"", "great white shark, white shark"]
    );
}

#[test]
fn faults_are_told() {
    for (text, is_json, words) in [
        (
            r#"{"0": "red", "2": "blue"}"#,
            false,
            "not those from 0 to 1: 2 is among",
        ),
        (
            "index,label\n1,red\n2,green\n",
            false,
            "not those from 0 to 1: 2 is among",
        ),
        (
            "index,label\n0,red\n0,green\n",
            false,
            "the index 0 comes twice, at line 2 and at line 3",
        ),
        (
            "0: red\n0: green\n",
            false,
            "the index 0 comes twice, at line 1 and at line 2",
        ),
        (
            r#"{"0": "red", "00": "green"}"#,
            false,
            "the index 0 comes twice, at “0” and at “00”",
        ),
        (
            r#"{"red": 0, "green": 0}"#,
            false,
            "the index 0 comes twice",
        ),
        (
            r#"{"0": "red", "0": "green"}"#,
            false,
            "the key “0” comes twice",
        ),
        (r#"{"red": 0, "red": 1}"#, true, "the key “red” comes twice"),
        (
            r#"{"id2label": {"0": "red", "1": "green", "1": "blue"}}"#,
            true,
            "the key “1” comes twice",
        ),
        ("{0: 'red', 0: 'green'}", false, "the key “0” comes twice"),
        (
            "{\"id\": 0, \"name\": \"red\"}\n{\"id\": 0, \"name\": \"green\"}",
            false,
            "the index 0 comes twice, at line 1 and at line 2",
        ),
        (
            "{\"id\": 0, \"name\": \"red\"}\n{\"name\": \"green\"}",
            false,
            "line 2 has no index, and line 1 has an index",
        ),
        (
            "{\"name\": \"red\"}\n{\"name\": \"green\"",
            false,
            "line 2: it is not JSON",
        ),
        (
            "{\"name\": \"red\"}\n{\"name\": \"a\", \"name\": \"b\"}",
            false,
            "line 2: the key “name” comes twice",
        ),
        (
            "{\"score\": 1}\n{\"score\": 2}",
            false,
            "an object without a name",
        ),
        (
            r#"[{"id": 1, "name": "red"}, {"id": 1, "name": "green"}]"#,
            false,
            "the index 1 comes twice, at entry 0 and at entry 1",
        ),
        (
            "index,label\n0,red\n1,\n",
            false,
            "line 3 has an empty label",
        ),
        ("label\nred\n\"\"\n", false, "line 3 has an empty label"),
        (r#"["red", " "]"#, false, "entry 1 has an empty label"),
        (
            r#"{"0": "red", "1": ""}"#,
            false,
            "index 1 has an empty label",
        ),
        (r#"{"red": 0, "": 1}"#, false, "index 1 has an empty label"),
        (
            "{\"0\": \"red\",\n \"1\": \"green\"",
            false,
            "it is not JSON",
        ),
        (
            "index,label\nred,0\n",
            false,
            "“red” in its table is no index",
        ),
        (r#"["red", "#, true, "it is not JSON"),
        ("red\ngreen", true, "it is not JSON"),
        (r#"{"red": "green"}"#, false, "neither the name"),
        ("[null]", false, "null is no label"),
    ] {
        let fault = parse(text, 2, is_json).unwrap_err();
        assert!(fault.contains(words), "{text}: {fault}");
    }
    let long = "x".repeat(LONGEST + 1);
    assert!(parse(&long, 1, false).unwrap_err().contains("4097 bytes"));
    let many = "x\n".repeat(MOST + 1);
    assert!(
        parse(&many, 1, false)
            .unwrap_err()
            .contains("more than 1000000 labels")
    );
}

fn fault(text: &str) -> String {
    let fault = parse(text, 3, false).expect_err(text);
    assert!(!fault.contains('\n'), "{fault}");
    fault
}

#[test]
fn a_whole_float_is_an_index() {
    for text in [
        r#"[{"id": 2.0, "name": "blue"}, {"id": 0.0, "name": "red"}, {"id": 1, "name": "green"}]"#,
        "{\"idx\": \"2.0\", \"name\": \"blue\"}\n{\"idx\": 0, \"name\": \"red\"}\n{\"idx\": 1e0, \"name\": \"green\"}",
        r#"{"blue": 2.0, "red": 0.0, "green": 1.0}"#,
        r#"{"2.0": "blue", "0.0": "red", "1.0": "green"}"#,
        r#"[[2, "blue"], [0, "red"], [1, "green"]]"#,
        r#"[[2.0, "blue"], [0, "red"], [1, "green"]]"#,
        "[2, \"blue\"]\n[0, \"red\"]\n[1.0, \"green\"]",
        "[(2, 'blue'), (0, 'red'), (1, 'green')]",
        r#"[[2, "n03", "blue"], [0, "n01", "red"], [1, "n02", "green"]]"#,
        r#"[["n03", "red"], ["n01", "green"], ["n02", "blue"]]"#,
        r#"[["02119789", "red"], ["02100735", "green"], ["02096294", "blue"]]"#,
    ] {
        assert_eq!(names(text, 3), ["red", "green", "blue"], "{text}");
    }
    // There the name is a number.
    assert_eq!(names(r#"{"1.0": 0, "2.0": 1}"#, 2), ["1.0", "2.0"]);
}

#[test]
fn an_index_that_is_none_is_told_with_its_place() {
    let value = |value: &str| {
        format!(
            "{{\"id\": 1, \"name\": \"green\"}}\n{{\"id\": {value}, \"name\": \"red\"}}\n{{\"id\": 2, \"name\": \"blue\"}}"
        )
    };
    for (given, shown) in [
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("null", "null"),
        ("true", "true"),
        ("[0]", "[0]"),
        ("\"\"", "“”"),
        ("\"-1\"", "“-1”"),
        ("1e300", "1e+300"),
    ] {
        let lines = value(given);
        let told = format!("has {shown} as its “id”, which is no whole number from 0 on");
        assert_eq!(fault(&lines), format!("line 2 {told}"));
        let list = format!("[{}]", lines.replace('\n', ", "));
        assert_eq!(fault(&list), format!("entry 1 {told}"));
    }
    for (text, words) in [
        (
            value("\"n01\""),
            "line 2 has “n01” as its “id”, which is no whole number from 0 on, and line 1 has an index",
        ),
        (
            r#"[{"index": "a", "name": "red"}, {"index": "b", "name": "green"}]"#.to_owned(),
            "entry 0 has “a” as its “index”, which is no whole number from 0 on",
        ),
        (
            r#"[{"id": null, "name": "red"}, {"id": null, "name": "green"}]"#.to_owned(),
            "entry 0 has null as its “id”, which is no whole number from 0 on",
        ),
        (
            r#"[{"label": -1, "name": "red"}]"#.to_owned(),
            "entry 0 has -1 as its “label”, which is no whole number from 0 on",
        ),
        (
            r#"[[0, "red"], [-1, "green"]]"#.to_owned(),
            "entry 1 has -1 before its name, which is no whole number from 0 on",
        ),
        (
            "[1, \"red\"]\n[null, \"green\"]".to_owned(),
            "line 2 has null before its name, which is no whole number from 0 on",
        ),
        (
            "[1, \"red\"]\n[0.5, \"green\"]".to_owned(),
            "line 2 has 0.5 before its name, which is no whole number from 0 on",
        ),
        (
            "[1, \"red\"]\n[\"n01\", \"green\"]".to_owned(),
            "line 2 has no index, and line 1 has an index",
        ),
        (
            "[1, \"red\"]\n[0, 2]".to_owned(),
            "line 2 is a list that ends with no name",
        ),
        (
            r#"{"red": 0, "green": -1, "blue": 1}"#.to_owned(),
            "“green” has -1 as its index, which is no whole number from 0 on",
        ),
        (
            r#"{"red": 0, "green": null}"#.to_owned(),
            "“green” has null as its index, which is no whole number from 0 on",
        ),
        (
            r#"{"0": "red", "-1": "green", "1": "blue"}"#.to_owned(),
            "the index “-1” is no whole number from 0 on",
        ),
        (
            r#"{"0": "red", "0.5": "green"}"#.to_owned(),
            "the index “0.5” is no whole number from 0 on",
        ),
    ] {
        assert_eq!(fault(&text), words, "{text}");
    }
}

#[test]
fn a_fault_of_a_line_names_one_line() {
    for (text, words) in [
        (
            "{\"name\": \"red\"}\n{\"name\": \"gree",
            "line 2: it is not JSON: EOF while parsing a string at column 14",
        ),
        ("\"red\"\n\"\\ud800\"\n\"blue\"", "line 2: it is not JSON: "),
        (
            "\"red\"\nnull\n\"blue\"",
            "line 2 is null, which is no name and no object",
        ),
        (
            "null\n\"red\"\n\"blue\"",
            "line 1 is null, which is no name and no object",
        ),
        (
            "{\"name\": \"red\"}\nnull",
            "line 2 is null, which is no name and no object",
        ),
        (
            "[\"n01\", \"red\"]\nnull",
            "line 2 is null, which is no name and no object",
        ),
        (
            "\"red\"\n{\"name\": \"green\"",
            "line 2: it is not JSON: EOF while parsing an object at column",
        ),
    ] {
        let fault = fault(text);
        assert!(fault.starts_with(words), "{text}: {fault}");
        assert_eq!(fault.matches("line ").count(), 1, "{fault}");
    }
    for text in [
        "null\ntrue\n",
        "\"red\" and \"white\"\n\"blue\"",
        "\"red\"\nwhite",
    ] {
        assert_eq!(names(text, 2), text.lines().collect::<Vec<_>>());
    }
}

#[test]
fn two_maps_of_a_configuration_that_contradict_each_other_are_told() {
    let both = |label2id: &str| {
        format!(r#"{{"id2label": {{"0": "red", "1": "green"}}, "label2id": {label2id}}}"#)
    };
    for (label2id, words) in [
        (
            r#"{"red": 1, "green": 0}"#,
            "its label2id gives “green” the index 0, and its id2label calls that index “red”",
        ),
        (
            r#"{"red": 0, "green": 2}"#,
            "its label2id gives “green” the index 2, and its id2label has no such index",
        ),
        (
            r#"{"red": 0, "green": -1}"#,
            "its label2id gives “green” the index -1, and its id2label has no such index",
        ),
    ] {
        assert_eq!(fault(&both(label2id)), words);
    }
    for label2id in [
        r#"{"red": 0, "green": 1}"#,
        r#"{"green": "1", "red": "0"}"#,
        r#"{"red": 0.0}"#,
        "null",
        "{}",
    ] {
        assert_eq!(names(&both(label2id), 2), ["red", "green"]);
    }
}

/// A few bytes may become a value in memory, of many times their size.
#[test]
fn values_without_end_are_refused_before_they_are_read() {
    for value in ["0,", "[],", "{},", "\"a\":0,"] {
        let begins = if value.contains("a\"") { '{' } else { '[' };
        let text = format!("{begins}{}", value.repeat(4 * MOST + 1));
        let fault = parse(&text, 2, false).unwrap_err();
        assert!(fault.contains("more than 4000000 values"), "{fault}");
    }
    let lines = "x\n".repeat(MOST + 1);
    assert!(
        lines_of(&lines)
            .unwrap_err()
            .contains("more than 1000000 labels")
    );
    assert_eq!(lines_of("[\n]\n").unwrap(), ["[", "]"]);
}
