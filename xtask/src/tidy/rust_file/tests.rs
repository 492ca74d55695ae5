//! Tests of the counters with small files.

use super::*;

/// Returns line and rule of every finding.
fn check_lines(path: &str, source: &str) -> Vec<(usize, Rule)> {
    check(path, source).into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

fn lines(count: usize) -> String {
    "let x = 1;\n".repeat(count)
}

#[test]
fn first_line_cases() {
    #[rustfmt::skip]
    let cases: [(&str, &str, &[Rule]); 6] = [
        ("sentence",      "//! Counts lines.\n",           &[]),
        ("attribute",     "#![forbid(x)]\n//! Counts.\n",  &[Rule::FirstLine]),
        ("empty docs",    "//! \n",                        &[Rule::FirstLine]),
        ("plain comment", "// Counts lines.\n",            &[Rule::FirstLine]),
        ("empty line",    "\n//! Counts lines.\n",         &[Rule::FirstLine]),
        ("empty file",    "",                              &[Rule::FirstLine]),
    ];
    for (name, source, expected) in cases {
        let rules: Vec<Rule> =
            check("src/a.rs", source).into_iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, expected, "case: {name}");
    }
    assert_eq!(check_lines("src/a/mod.rs", "//! A.\n"), [(1, Rule::ModFile)]);
}

#[test]
fn file_length_leaves_the_test_module_out() {
    let file = |n_own: usize, n_tests: usize| {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(n_tests));
        format!("//! A.\n{}{}", lines(n_own - 1), if n_tests == 0 { "" } else { &tests })
    };
    let own_file = "#[cfg(test)]\nmod tests;\n";
    #[rustfmt::skip]
    let cases = [
        ("at the limit",        "src/a.rs",       file(500, 0),                  None),
        ("over it",             "src/a.rs",       file(501, 0),                  Some((501, Rule::FileLength))),
        ("with tests",          "src/a.rs",       file(500, 147),                None),
        ("with many tests",     "src/a.rs",       file(10, 148),                 Some((11, Rule::TestModule))),
        ("tests elsewhere",     "src/a.rs",       file(499, 0) + own_file,       Some((501, Rule::FileLength))),
        ("a file of tests",     "src/a/tests.rs", file(1000, 0),                 None),
        ("integration tests",   "tests/a.rs",     file(501, 0),                  Some((501, Rule::FileLength))),
        ("tests of a crate",    "x/tests/a.rs",   file(1000, 0),                 None),
        ("too many tests",      "x/tests/a.rs",   file(1001, 0),                 Some((1001, Rule::FileLength))),
        ("mod in a string",     "src/a.rs",       file(500, 0) + "\"\n#[cfg(test)]\nmod t {\n\"\n", Some((501, Rule::FileLength))),
    ];
    for (name, path, source, expected) in cases {
        assert_eq!(check_lines(path, &source).first().copied(), expected, "case: {name}");
    }
}

#[test]
fn function_length_counts_code_only() {
    let function = |head: &str, body: &str| format!("//! A.\n{head} {{\n{body}}}\n");
    let at_limit = lines(70);
    let over = lines(71);
    #[rustfmt::skip]
    let cases = [
        ("at the limit",       function("fn f()", &at_limit),                           None),
        ("over it",            function("fn f()", &over),                               Some(2)),
        ("async, public",      function("pub async fn f()", &over),                     Some(2)),
        ("comments",           function("fn f()", &format!("{at_limit}// a\n\n/* b\n*/\n")), None),
        ("array in the head",  function("fn f(x: [u8; 2]) -> [u8; 2]", &over),          Some(2)),
        ("method",             format!("//! A.\nimpl A {{\n    fn f() {{\n{over}    }}\n}}\n"), Some(3)),
        ("after one line",     format!("//! A.\nfn a() {{}}\nfn f() {{\n{over}}}\n"),   Some(3)),
        ("trait, no body",     format!("//! A.\ntrait T {{\n    fn f();\n}}\n{over}"),  None),
        ("function type",      format!("//! A.\ntype F = fn (u8);\nmod m {{\n{over}}}\n"), None),
        ("braces in strings",  function("fn f()", &format!("a(\"}}\");\n{over}")),      Some(2)),
        ("long string",        function("fn f()", &format!("let x = \"\n{}\";\n", "a\n".repeat(70))), Some(2)),
        ("cut off",            format!("//! A.\nfn f() {{\n{over}"),                    None),
        ("too many braces",    format!("//! A.\n}}}}\n{over}"),                         None),
    ];
    for (name, source, expected) in cases {
        let found = check_lines("src/a.rs", &source);
        let expected: Vec<_> =
            expected.map(|line| (line, Rule::FunctionLength)).into_iter().collect();
        assert_eq!(found, expected, "case: {name}");
    }
}

#[test]
fn line_length_leaves_tables_and_addresses_out() {
    let long = "x".repeat(101);
    #[rustfmt::skip]
    let cases: [(&str, String, &[usize]); 11] = [
        ("comment",           format!("//! A.\n// {long}\n"),                                  &[2]),
        ("literal",           format!("//! A.\na(\"{long}\");\n"),                             &[]),
        ("beside a literal",  format!("//! A.\na(\"\", {long});\n"),                           &[2]),
        ("at the limit",      format!("//! A.\n{}\n", "é".repeat(100)),                        &[]),
        ("over it",           format!("//! A.\n{long}\n"),                                     &[2]),
        ("address",           format!("//! A.\n// https://example.org/{long}\n"),              &[]),
        ("table",             format!("//! A.\n#[rustfmt::skip]\nlet a = [\n    {long},\n];\n"), &[]),
        ("after a table",     format!("//! A.\n#[rustfmt::skip]\nlet a = [\n    {long},\n];\n{long}\n"), &[6]),
        ("one-line table",    format!("//! A.\n#[rustfmt::skip]\nlet a = {long};\n{long}\n"),  &[4]),
        ("function by hand",  format!("//! A.\n#[rustfmt::skip]\nfn a() {{\n    {long}\n}}\n{long}\n"), &[6]),
        ("table in a row",    format!("//! A.\n    #[rustfmt::skip]\n    let a = [\n        x;\n{long}\n    ];\n{long}\n"), &[7]),
    ];
    for (name, source, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|line| (*line, Rule::LineLength)).collect();
        assert_eq!(check_lines("src/a.rs", &source), expected, "case: {name}");
    }
}
