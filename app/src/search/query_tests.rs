use super::*;
use proptest::prelude::*;

fn term(words: &str, exact: bool) -> Term {
    Term {
        words: words.split(' ').map(str::to_owned).collect(),
        exact,
    }
}

#[test]
fn words_phrases_and_what_is_left_out() {
    let query = Query::parse(r#" Crème  "two words" e-mail -old -"not this" "open en"#).unwrap();
    assert_eq!(
        query.terms,
        [
            term("creme", false),
            term("two words", true),
            term("e mail", false),
            term("open en", false),
        ]
    );
    assert_eq!(query.without, [vec!["old"], vec!["not", "this"]]);
    assert_eq!(query.unknown, []);
    let query = Query::parse("milk“warm milk”-x").unwrap();
    assert_eq!(query.terms, [term("milk", false), term("warm milk", true)]);
    assert_eq!(query.without, [vec!["x"]]);
}

#[test]
fn filters_are_known_by_their_names() {
    let query = Query::parse("is:done IS:Open -is:open http://x").unwrap();
    assert_eq!(query.done, [true, false, true]);
    assert_eq!(query.terms, [term("http x", false)]);
    assert!(query.is_hopeless());
    let query = Query::parse(r#"list:"At Home" -LABEL:#Téléphone list:at_home"#).unwrap();
    let names: Vec<_> = query
        .named
        .iter()
        .map(|n| (n.mark, n.key.as_str(), n.negated))
        .collect();
    assert_eq!(
        names,
        [
            (Mark::List, "at home", false),
            (Mark::Label, "telephone", true),
            (Mark::List, "at home", false),
        ]
    );
    assert!(!query.is_hopeless() && query.notes().is_empty());
}

#[test]
fn what_is_not_understood_is_told() {
    let query = Query::parse("list: -label:! due:soon -due:<none is:late").unwrap();
    let notes = query.notes();
    for (note, parts) in notes.iter().zip([
        ["list:home", "nothing is known of list:."],
        ["label:phone", "-label:! leaves nothing out."],
        ["due:week", "nothing is known of due:soon."],
        ["due:overdue", "-due:<none leaves nothing out."],
        ["is:open or is:done", "nothing is known of is:late."],
    ]) {
        assert!(parts.iter().all(|part| note.contains(part)), "{note}");
    }
    assert_eq!(notes.len(), 5);
    assert!(query.is_hopeless() && !Query::parse("-list:").unwrap().is_hopeless());
}

#[test]
fn due_is_a_day_or_some_days() {
    const END: i64 = i64::MAX;
    let day = |text| day(text).unwrap();
    let of = |range: Range<i64>| Some(When::Days(range));
    let from_today = |range: Range<i64>| Some(When::FromToday(range));
    let first = day("2026-12-01");
    for (text, expected) in [
        ("due:2026-12-01", of(first..first + 1)),
        ("DUE:\"2026-12-01\"", of(first..first + 1)),
        ("due:<2026-12-01", of(i64::MIN..first)),
        ("due:<=2026-12-01", of(i64::MIN..first + 1)),
        ("due:>2026-12-01", of(first + 1..END)),
        ("due:>=2026-12-01", of(first..END)),
        ("due:Today", from_today(0..1)),
        ("due:tomorrow", from_today(1..2)),
        ("due:week", from_today(0..7)),
        ("due:>week", from_today(7..END)),
        ("due:overdue", Some(When::Overdue)),
        ("due:none", Some(When::Never)),
        ("due:2026-02-30", None),
        ("due:<>today", None),
        ("due:<overdue", None),
        ("due:week<", None),
        ("due:=today", None),
    ] {
        let query = Query::parse(text).unwrap();
        let when = query.due.first().map(|due| due.when.clone());
        assert_eq!(when, expected, "{text}");
        assert_eq!(query.is_hopeless(), expected.is_none(), "{text}");
    }
    let asks = |text| Query::parse(text).unwrap().asks_for_today();
    assert!(asks("-due:overdue") && asks("due:<=today"));
    assert!(!asks("due:none") && !asks("due:2026-12-01 today"));
}

#[test]
fn nothing_but_signs_is_nothing() {
    for text in ["", " ", "-", "- -", "\"\"", "\"", "—", "?!"] {
        assert!(Query::parse(text).unwrap().is_empty(), "{text:?}");
    }
}

#[test]
fn too_much_is_refused_in_words() {
    let long = Query::parse(&"é".repeat(201)).unwrap_err();
    assert_eq!((long.status, long.field.as_deref()), (422, Some("q")));
    assert!(Query::parse(&"é".repeat(200)).is_ok());
    let many = Query::parse("a b c d e f g h i -j -k").unwrap_err();
    assert!(many.detail.contains("11 words"), "{many}");
}

proptest! {
    #[test]
    fn any_text_is_understood(text in any::<String>()) {
        if let Ok(query) = Query::parse(&text) {
            let _ = query.notes();
            prop_assert!(query.terms.iter().all(|term| !term.words.is_empty()));
        }
    }

    #[test]
    fn so_is_any_text_that_looks_like_a_query(
        text in r#"( |-|"|“|:|is:|is:done|list:|due:|due:[<>=]{0,3}|today|label:|[a-zé買]{1,3}){0,12}"#
    ) {
        if let Ok(query) = Query::parse(&text) {
            let _ = query.notes();
            prop_assert!(query.without.iter().all(|words| !words.is_empty()));
        }
    }
}
