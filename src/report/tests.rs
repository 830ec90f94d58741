//! Tests of the report.

use super::gallery::{figures, page};
use super::*;
use std::path::Path;

/// A small check that tags open and close in order and every `&` begins an entity: enough to catch unescaped text.
fn assert_balanced(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[start..end]);
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta", "img", "source"].iter().any(|void| tag.starts_with(void))
        {
            open.push(tag.split_whitespace().next().expect("a tag has a name"));
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in {tag}");
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
    for (at, _) in xml.match_indices('&') {
        let entity = &xml[at..xml.len().min(at + 8)];
        assert!(entity.contains(';'), "bare & at {entity}");
    }
}

/// Returns every value of `name="..."` in a page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let key = format!(" {name}=\"");
    html.match_indices(&key).map(|(i, _)| html[i + key.len()..].split('"').next().unwrap_or("")).collect()
}

#[test]
fn every_figure_is_balanced_xml_with_and_without_font() {
    for (name, figure) in figures() {
        assert!(figure.svg.starts_with("<svg xmlns="), "{name}");
        assert_balanced(&figure.svg);
        assert_balanced(&figure.svg_with_font());
        assert!(figure.width >= 200 && figure.height >= 50, "{name}: {} x {}", figure.width, figure.height);
    }
}

#[test]
fn class_names_and_titles_are_escaped_in_figures() {
    let classes: Vec<String> = ["<a & b>", "\"quoted\"", "it's"].map(String::from).to_vec();
    let figure = chart::Confusion::new("x < y & z", &classes, &vec![vec![1; 3]; 3]).draw();
    assert_balanced(&figure.svg);
    assert!(figure.svg.contains("x &lt; y &amp; z") && figure.svg.contains("&lt;a &amp; b&gt;"));
}

#[test]
fn same_input_same_bytes() {
    for ((name, a), (_, b)) in figures().iter().zip(&figures()) {
        assert_eq!(a.svg, b.svg, "{name}");
    }
    let (a, b) = (figures(), figures());
    for name in ["lines", "confusion", "contact"] {
        let png = |all: &[(&str, Figure)]| all.iter().find(|f| f.0 == name).map(|f| f.1.png().unwrap());
        assert_eq!(png(&a), png(&b), "{name}");
    }
    let html = page(&a).render();
    assert_eq!(html, page(&b).render());
    assert_balanced(&html);
}

#[test]
fn png_is_the_same_drawing_at_twice_the_size() {
    let figure = &figures()[0].1;
    let png = image::load_from_memory(&figure.png().unwrap()).unwrap().to_rgb8();
    assert_eq!(png.dimensions(), (2 * figure.width, 2 * figure.height));
    assert_eq!(png.get_pixel(0, 0).0, [255; 3]);
    let blue = |p: &image::Rgb<u8>| p.0 == chart::Colour::class(0).rgb;
    assert!(png.pixels().filter(|p| blue(p)).count() > 500, "the first curve is there");
    assert!(png.pixels().filter(|p| p.0 == chart::Colour::INK.rgb).count() > 100, "the title is there");
}

#[test]
fn no_text_leaves_the_sheet() {
    // the outermost pixels of every figure are paper: nothing is cut off there
    for (name, figure) in figures() {
        let png = image::load_from_memory(&figure.png().unwrap()).unwrap().to_rgb8();
        let (w, h) = png.dimensions();
        let clean = |x: u32, y: u32| png.get_pixel(x, y).0 == [255; 3];
        assert!(
            (0..h).all(|y| clean(0, y) && clean(1, y) && clean(w - 1, y) && clean(w - 2, y)),
            "{name}: left or right"
        );
        assert!((0..w).all(|x| clean(x, 0) && clean(x, h - 1) && clean(x, h - 2)), "{name}: top or bottom");
    }
}

#[test]
fn the_page_points_nowhere() {
    let html = page(&figures()).render();
    assert!(!html.contains("http"), "an address in the page");
    assert!(!html.contains("<script") && !html.contains("<link") && !html.contains("@import"));
    for target in attributes(&html, "href") {
        let inside = target.strip_prefix('#').is_some_and(|id| html.contains(&format!("id=\"{id}\"")));
        assert!(inside || target.starts_with("data:image/png;base64,"), "{}", &target[..target.len().min(60)]);
    }
    assert!(attributes(&html, "src").iter().all(|s| s.starts_with("data:")));
    assert_eq!(html.matches("url(").count(), html.matches("url(data:").count());
}

#[test]
fn the_page_is_accessible() {
    let html = page(&figures()).render();
    assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""));
    assert_eq!(html.matches("<svg ").count(), html.matches("role=\"img\" aria-label=\"").count());
    assert_eq!(html.matches("<img ").count(), html.matches(" alt=\"").count());
    let ids = attributes(&html, "id");
    assert!(ids.iter().all(|id| ids.iter().filter(|i| i == &id).count() == 1), "ids are unique: {ids:?}");
    assert!(ids.contains(&"s-1c"));
}

#[test]
fn escaping() {
    assert_eq!(escape("<a href=\"x\">'&'</a>\u{7}"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt; ");
    let mut page = Page::new("<script>alert(1)</script>");
    page.banner("</style><b>\"\\");
    page.subtitle("a & b").section("<1>", "<b>").paragraph("<i>`<u>`</i>").code("<pre>").field("\"><img>");
    let html = page.render();
    for bad in ["<script", "<b>", "<i>", "<u>", "<img"] {
        assert!(!html.contains(bad), "{bad}");
    }
    assert!(html.contains("<code>&lt;u&gt;</code>"));
}

#[test]
fn inline_markup() {
    use super::markup::inline;
    assert_eq!(inline("a `b*c*` **d** *e*"), "a <code>b*c*</code> <strong>d</strong> <em>e</em>");
    assert_eq!(inline("2 * 3 * 4, one ` alone, 5*"), "2 * 3 * 4, one ` alone, 5*");
    assert_eq!(inline("**open"), "**open");
}

#[test]
fn files_are_written_whole_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let figure = &figures()[0].1;
    figure.save(&dir.path().join("figures"), "loss").unwrap();
    figure.save(&dir.path().join("figures"), "loss").unwrap();
    let mut names: Vec<String> = std::fs::read_dir(dir.path().join("figures"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["loss.png", "loss.svg"]);
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = figure.save(&file, "loss").unwrap_err().to_string();
    assert!(error.starts_with("cannot create") && error.contains("file"), "{error}");
}

fn odd_dimensions() -> Vec<chart::Dimension> {
    use chart::{Dimension, Scale};
    [Scale::Linear, Scale::Log, Scale::Words(vec!["<a>".into()])]
        .map(|scale| Dimension { name: "<&>".repeat(20), scale, range: None })
        .into()
}

/// Pointing at an item lights it everywhere: figures bear the numbers, the page the words and the script.
#[test]
fn items_are_grouped_and_a_brushed_page_is_sound() {
    let all = figures();
    let figure = &all.iter().find(|f| f.0 == "parallel").unwrap().1;
    assert_eq!(figure.svg.matches("<g data-item=").count(), 40);
    assert_eq!(figure.svg.matches("</g>").count(), figure.svg.matches("<g").count());
    let mut page = Page::new("t");
    page.brushed(&[(3, "</script><b>\"lr\"</b>".into())]).section("1", "s").figure(figure, "");
    let html = page.render();
    assert_eq!((html.matches("<script>").count(), html.matches("</script>").count()), (1, 1));
    assert!(html.contains(r#"{"3":"<\/script><b>\"lr\"<\/b>"}"#) && !html.contains("http") && !html.contains("src="));
}

#[test]
fn charts_without_data_or_with_odd_data_are_drawn() {
    use chart::*;
    let odd = [f64::NAN, f64::INFINITY, -1e300, 0.0];
    let names: Vec<String> = vec![String::new(), "星系 🌌".into(), "x".repeat(300)];
    let mut graph = Graph::new("");
    let empty_graph = Graph::new("").draw();
    graph.node(NodeKind::Op, &[]);
    let all = vec![
        LineChart::new("").draw(),
        LineChart::new("t").epochs("a", &odd).log_y().marker(f64::NAN, "no epoch").draw(),
        LineChart::new("t").series("a", &[(0.0, 0.0)]).log_x().log_y().draw(),
        BarChart::new("").draw(),
        BarChart::new("").bar("a", f64::NAN, Some((f64::NAN, 1.0))).bar(&names[2], 0.0, None).percent().draw(),
        GroupedBars::new("", &[]).draw(),
        GroupedBars::new("", &names).series("a", &odd).draw(),
        Histograms::new("", &names).draw(),
        Histograms::new("", &names).panel("constant", &[1.0; 5], &[0, 0, 1, 2, 9]).draw(),
        Confusion::new("", &[], &[]).draw(),
        Confusion::new("", &names, &vec![vec![0; 3]; 3]).draw(),
        HeatMap::new("", &names, &names, &vec![odd[..3].to_vec(); 3]).draw(),
        Scatter::new("", &names).draw(),
        Scatter::new("", &names).panel("one", &[(1.0, 1.0)], &[70]).panel("none", &[], &[]).draw(),
        Scatter::new("", &names).panel("odd", &[(odd[0], odd[1])], &[0]).axes("", "").draw(),
        ImageGrid::new("").draw(),
        ImageGrid::new("").group("", vec![Tile::chw(&[0.5], 1, 1, 1).caption(&names[2])]).draw(),
        StageChart::new("", &[]).draw(),
        StageChart::new("", &names).measure("m", &odd).draw(),
        Contour::new("", (0.0, 0.0), (0.0, 1.0), |_, _| f64::NAN).path("p", &[]).draw(),
        Curves::new("", ["", "", ""]).draw(),
        Curves::new("t", ["a", "b", "c"]).curve(0, Look::Bold, &[(1.0, odd[0]), (2.0, odd[1])]).log_y().draw(),
        ParallelCoordinates::new("", vec![]).draw(),
        ParallelCoordinates::new("t", odd_dimensions()).line(7, &[None, Some(odd[0]), Some(9.0)], 2.0, true).draw(),
        Slices::new("", "").draw(),
        Slices::new("t", "y").panel(odd_dimensions().remove(1)).dot(3, (odd[0], odd[2]), -1.0, true).log_y().draw(),
        Contour::new("", (-3.0, 0.0), (0.0, 1.0), |_, _| 1.0).log_axes(true, false).items(&[(1, (0.0, 0.5))]).draw(),
        Surface::new("", ["", ""], (0.0, 0.0), (0.0, 1.0)).draw(),
        Surface::new("t", ["x", "y"], (0.0, 1.0), (0.0, 1.0)).panel("p", 2, &[1.0, odd[0], 2.0, odd[1]]).draw(),
        UnitMap::values("", &[], true, &[], ColourMap::Terrain).draw(),
        UnitMap::values(&names[2], &[(0.0, 0.0), (odd[0], 1.0)], true, &odd, ColourMap::Blues).words(&names).draw(),
        UnitMap::classes("", &[(0.0, 0.0), (4999.0, 0.0)], false, &[None, Some(70)], &names).draw(),
        UnitNet::new("", [""; 2], &[], &[]).draw(),
        UnitNet::new("t", ["a", "b"], &[(odd[0], odd[1])], &[(0, 9)]).panel("p", &[(odd[0], 0.0)]).draw(),
        empty_graph,
        graph.draw(),
    ];
    for (i, figure) in all.iter().enumerate() {
        assert_balanced(&figure.svg);
        assert!(!figure.svg.contains("NaN") && figure.width < 2500 && figure.height < 2500, "chart {i}");
        figure.png().unwrap();
    }
    let mut page = Page::new("");
    page.section("", "").figures(&[]).table(&Table::new(&[]), "").list::<&str>([]);
    page.section("", "");
    assert_balanced(&page.render());
}

/// Writes every figure and the page into the folder `GRADUS_GALLERY`, to look at.
#[test]
fn gallery_for_the_eye() {
    let Ok(folder) = std::env::var("GRADUS_GALLERY") else {
        println!("skipped: GRADUS_GALLERY is not set");
        return;
    };
    let all = figures();
    for (name, figure) in &all {
        figure.save(Path::new(&folder), name).unwrap();
    }
    page(&all).save(&Path::new(&folder).join("page.html")).unwrap();
}
