"""The site browser: its data, and the page in a real Chromium where there is one."""

from __future__ import annotations

import base64
import json
import re

import h5py
import numpy as np
import pandas as pd
import pytest

from error_sequence_model.reports import browser, write_browser
from error_sequence_model.reports.browser import fill_template
from error_sequence_model.results import load_units, read_sites
from error_sequence_model.windows import read_windows
from fake_causes import add_causes
from fake_explanations import add_explanations
from fake_motifs import add_motifs
from fake_results import build_results
from headless_browser import find_chromium, open_tab

EVIL = "<script>window.hurt = 1</script>&\"'"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser with about 5,000 rows, one gene of a malicious name."""
    folder = tmp_path_factory.mktemp("browser")
    fake = build_results(
        folder,
        n_per_class=2500,
        contrasts=("fp_vs_tp", "shuffled"),
        splice_types=("donor", "acceptor"),
    )
    sites = pd.read_parquet(fake.sites)
    sites.loc[sites["gene_name"] == "ABC41", "gene_name"] = EVIL
    sites.to_parquet(fake.sites, index=False)
    _keep_few_maps(fake.runs)
    add_causes(fake)
    path = write_browser(
        fake.runs,
        folder / "sites.html",
        predictor="toy <&>",
        sites=fake.sites,
        windows=fake.folder / "windows.arrow",
    )
    return fake, path


def _keep_few_maps(runs):
    """Maps of 60 sites, as the explanation step makes them of a sample."""
    for run in runs:
        for path in (
            run / "attributions" / "integrated_gradients.h5",
            run / "attention.h5",
        ):
            with h5py.File(path, "r+") as file:
                for name in list(file):
                    if name != "head_mean":
                        values = file[name][:60]
                        del file[name]
                        file[name] = values
        (run / "attributions" / "substitution.h5").unlink()


def read_data(path) -> dict:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found[1])


def test_file_holds_everything_and_loads_nothing(page):
    _, path = page
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    assert not re.search(
        r"(src|href)\s*=|@import|url\(|https?://(?!www\.w3\.org)", text
    )
    assert "default-src 'none'" in text
    assert "<title>Sites of toy &lt;&amp;&gt;</title>" in text
    # Two script elements are opened and closed, whatever genes are called.
    assert text.count("<script") == text.count("</script>") == 2


def test_rows_and_maps_are_those_of_the_files(page):
    fake, path = page
    data = read_data(path)
    assert data["rows"] == 5000 and data["left_out"] == 0
    assert [unit["name"] for unit in data["units"]] == [
        "FP against TP, donor",
        "FP against TP, acceptor",
    ]
    columns = data["columns"]
    assert EVIL in columns["gene"]["values"]
    unit = data["units"][0]
    run = fake.runs[0]
    with h5py.File(run / "attributions" / "integrated_gradients.h5") as file:
        ids, maps = file["site_id"][:], file["attributions"][:]
    row = next(i for i, n in enumerate(columns["map"]) if n >= 0)
    place = list(ids).index(columns["site"][row])
    (shown,) = unit["maps"]
    raw = np.frombuffer(base64.b64decode(shown["bytes"]), dtype=np.int8)
    raw = raw.reshape(-1, shown["length"])[columns["map"][row]]
    scale = shown["scale"][columns["map"][row]]
    np.testing.assert_allclose(raw / 127 * scale, maps[place], atol=scale / 200)
    assert shown["first"] == -100
    letters = data["sequences"]["letters"][str(columns["site"][row])]
    windows = read_windows(fake.folder / "windows.arrow")
    assert letters == windows.get_sequences(np.array([columns["site"][row]]))[0]
    causes = pd.read_parquet(run.parents[2] / "causes.parquet").set_index("site_id")
    flags = json.loads((run.parents[2] / "causes.json").read_text())["enriched"]
    labels = [cause["label"] for cause in unit["causes"]]
    table = pd.read_csv(run.parents[2] / "causes.tsv", sep="\t").set_index("flag")
    for flag in flags:
        has = bool(causes.loc[columns["site"][row], flag])
        number = labels.index(table.loc[flag, "cause"])
        assert (number in columns["causes"][row]) == has


@pytest.fixture(scope="module")
def peered(tmp_path_factory):
    """Donors beside two other predictors: one errs at even sites, one is right."""
    folder = tmp_path_factory.mktemp("peered")
    fake = build_results(folder, n_per_class=40, splice_types=("donor",))
    sites = pd.read_parquet(fake.sites)
    peers = sites[["site_id"]].astype("Int64")
    for name, verdicts in {
        "toy": sites["pred_type"].isin(["FP", "FN"]),
        "even": sites["site_id"] % 2 == 0,
        "never": sites["site_id"] < 0,
    }.items():
        peers[name] = verdicts.astype("boolean")
    peers.loc[peers["site_id"] % 5 == 0, "never"] = pd.NA
    strangers = peers.head(3).assign(site_id=pd.NA)
    path = folder / "peers.parquet"
    pd.concat([peers, strangers]).to_parquet(path)
    page = write_browser(
        fake.runs,
        folder / "sites.html",
        predictor="toy",
        sites=fake.sites,
        windows=fake.folder / "windows.arrow",
        peers=path,
    )
    return page, folder


def test_other_predictors_stand_beside_a_site(peered):
    data = read_data(peered[0])
    assert data["peers"] == ["even", "never"]
    column = data["columns"]["peers"]
    for site, code in zip(data["columns"]["site"], column["codes"], strict=True):
        letters = column["values"][code]
        assert letters == f"{int(site % 2 == 0)}{'?' if site % 5 == 0 else '0'}"


def test_filter_by_other_predictors(peered):
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no chromium on PATH: the page is not tried in a real browser")
    with open_tab(chromium) as tab:
        tab.open(peered[0])
        assert not tab.run("get('by-peers').parentNode.hidden")
        counts = {}
        for value in ("even errs", "even is right", "none of them errs"):
            choose(tab, "by-peers", value)
            sites = tab.run("shown.map(row => COLUMNS.site[row])")
            counts[value] = len(sites)
            assert all((site % 2 == 0) == (value == "even errs") for site in sites)
        assert counts["even errs"] > 5 and counts["none of them errs"] > 5
        assert counts["none of them errs"] < counts["even is right"]
        choose(tab, "by-peers", "even errs")
        tab.click(".body .row")
        assert "other predictors that erreven" in tab.run("detail.textContent")
        assert "even" in tab.run("writeCsv()").splitlines()[1]
        assert tab.errors == []


def test_private_errors_are_calls_of_their_own(tmp_path):
    fake = build_results(
        tmp_path,
        n_per_class=24,
        contrasts=("fn_vs_tp", "private_fn_vs_shared"),
        splice_types=("donor",),
    )
    units, _ = load_units(fake.runs, read_sites(fake.sites))
    data = browser.collect_data(units, "toy", fake.folder / "windows.arrow")
    private = data["units"][1]
    assert private["name"] == "private FN against shared FN, donor"
    assert private["positive"] == "private FN"
    calls = data["columns"]["pred_type"]["values"]
    assert set(calls) == {"FN", "TP", "private FN", "shared FN"}


def test_nobody_beside_it_is_no_filter(tab):
    assert tab.run("get('by-peers').parentNode.hidden")
    assert tab.run("getComputedStyle(get('by-peers').parentNode).display") == "none"


def test_too_many_rows_keep_those_with_maps(page, tmp_path, monkeypatch):
    fake, _ = page
    monkeypatch.setattr(browser, "MOST_ROWS", 200)
    path = browser.write_browser(
        fake.runs,
        tmp_path / "sites.html",
        predictor="toy",
        sites=fake.sites,
        windows=fake.folder / "windows.arrow",
    )
    data = read_data(path)
    assert (data["rows"], data["left_out"]) == (200, 4800)
    has_map = np.array(data["columns"]["map"]) >= 0
    assert has_map.sum() == 120 and has_map[:120].all()


def test_no_text_ends_the_script_element():
    text = fill_template("<i>{{DATA}}</i>", "x", {"a": "</script><!--\u2028&"})
    assert "<" not in text[3:-4] and "\u2028" not in text
    assert json.loads(text[3:-4]) == {"a": "</script><!--\u2028&"}


def test_nothing_to_show_is_a_page_too(tmp_path):
    fake = build_results(
        tmp_path, n_per_class=24, splice_types=("donor",), missing=("split.parquet",)
    )
    path = write_browser(
        fake.runs,
        tmp_path / "sites.html",
        predictor="toy",
        sites=fake.sites,
        windows=tmp_path / "none.arrow",
    )
    assert read_data(path)["rows"] == 0


@pytest.fixture(scope="module")
def tab(page):
    """The page in a headless Chromium."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no chromium on PATH: the page is not tried in a real browser")
    with open_tab(chromium) as found:
        found.open(page[1])
        yield found


def read_rows(tab) -> list[list[str]]:
    return tab.run(
        "[...document.querySelectorAll('.body .row')].map(row => "
        "[...row.children].map(cell => cell.textContent))"
    )


def choose(tab, name: str, value: str) -> None:
    tab.run(
        f"(() => {{ const e = get({json.dumps(name)}); e.value = {json.dumps(value)};"
        " e.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


@pytest.fixture(autouse=True)
def start_afresh(request):
    """Every test of the page begins with the whole table and no site opened."""
    if "tab" in request.fixturenames:
        tab = request.getfixturevalue("tab")
        tab.run(
            "if (opened >= 0) shut(); document.querySelector('form').reset();"
            " sorted = {field: -1, down: false}; head.replaceChildren(); makeHead();"
            " current = 0; refresh(); window.scrollTo(0, 0)"
        )


def test_table_shows_rows_in_sight_only(tab):
    assert tab.run("get('count').value") == "5,000 of 5,000 sites"
    assert 10 < len(read_rows(tab)) < 80
    assert tab.run("grid.getAttribute('aria-rowcount')") == "5001"
    tab.run("scroller.scrollTop = scroller.scrollHeight")
    tab.run("new Promise(done => setTimeout(done, 200))")
    assert "aria-rowindex" in tab.run("body.lastChild.outerHTML")
    assert tab.run("body.lastChild.getAttribute('aria-rowindex')") == "5001"
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith("file:")] == []


def test_filters_and_search(tab):
    choose(tab, "by-pred_type", "FP")
    rows = read_rows(tab)
    assert tab.run("get('count').value") == "2,500 of 5,000 sites"
    assert {row[1] for row in rows} == {"FP"}
    choose(tab, "by-map", "has a map")
    assert {row[8] for row in read_rows(tab)} == {"yes"}
    choose(tab, "search", "no such gene")
    assert read_rows(tab) == []
    assert tab.run("get('none').hidden") is False
    tab.run("document.querySelector('button[type=reset]').click()")
    tab.run("new Promise(done => setTimeout(done, 100))")
    assert tab.run("get('count').value") == "5,000 of 5,000 sites"
    choose(tab, "by-cause", "weak polypyrimidine tract")
    assert all("weak polypyrimidine tract" in row[10] for row in read_rows(tab))


def test_headings_sort_both_ways(tab):
    heading = (
        "[...head.querySelectorAll('button')].find(b => b.textContent.startsWith('P('))"
    )
    tab.run(f"{heading}.click()")
    rising = [float(row[2]) for row in read_rows(tab)]
    assert rising == sorted(rising)
    assert tab.run(f"{heading}.parentNode.getAttribute('aria-sort')") == "ascending"
    tab.run(f"{heading}.click()")
    falling = [float(row[2]) for row in read_rows(tab)]
    assert falling == sorted(falling, reverse=True) and falling[0] > rising[0]
    assert tab.run("document.activeElement.tagName") == "BUTTON"


def test_click_opens_the_sites_sequence_with_its_maps(tab, tmp_path):
    choose(tab, "by-map", "has a map")
    tab.click(".body .row:nth-child(2)")
    assert tab.run("detail.hidden") is False
    letters = tab.run(
        "[...detail.querySelectorAll('text.letter')].map(t => t.textContent).join('')"
    )
    site = tab.run("COLUMNS.site[opened]")
    assert letters == tab.run(f"DATA.sequences.letters[{site}]") and len(letters) == 200
    bars = tab.run(
        'detail.querySelectorAll(\'rect[fill="var(--positive)"],'
        ' rect[fill="var(--negative)"]\').length'
    )
    assert bars == 200
    assert tab.run("detail.querySelectorAll('rect[fill=\"var(--attention)\"]').length")
    blank = tab.take_picture(tmp_path / "open.png")
    assert len(blank) > 20_000


def test_keys_reach_everything(tab):
    tab.run("grid.focus()")
    tab.press("ArrowDown")
    tab.press("ArrowDown")
    assert tab.run("current") == 2
    assert tab.run("grid.getAttribute('aria-activedescendant')") == tab.run(
        "document.querySelector('.row.current').id"
    )
    tab.press("Enter")
    assert tab.run("detail.hidden") is False
    title = tab.run("get('detail-title').textContent")
    tab.press("ArrowUp")
    assert tab.run("get('detail-title').textContent") != title
    tab.press("Escape")
    assert tab.run("detail.hidden") is True
    assert tab.run("document.activeElement.id") == "grid"
    tab.press("End")
    assert tab.run("current") == 4999
    # With Tab alone: from the search field through the filters to the table.
    tab.run("get('search').focus()")
    for _ in range(25):
        if tab.run("document.activeElement.id") == "grid":
            break
        tab.press("Tab")
    assert tab.run("document.activeElement.id") == "grid"


def test_names_are_text_never_markup(tab):
    choose(tab, "search", "window.hurt")
    rows = read_rows(tab)
    assert rows and all(row[5] == EVIL for row in rows)
    tab.click(".body .row")
    assert EVIL in tab.run("get('detail-title').textContent")
    assert tab.run("window.hurt") is None
    assert tab.run("detail.querySelectorAll('script').length") == 0
    assert tab.errors == []


def test_print_shows_the_filtered_table_and_the_open_site(tab, tmp_path):
    choose(tab, "by-map", "has a map")
    tab.click(".body .row")
    tab.run("window.dispatchEvent(new Event('beforeprint'))")
    shown = tab.run("shown.length")
    assert tab.run("get('printed').querySelectorAll('tbody tr').length") == shown
    tab.print_pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Donors with words, a second method, and mutagenesis."""
    folder = tmp_path_factory.mktemp("told")
    fake = build_results(folder, n_per_class=160, splice_types=("donor",))
    add_explanations(add_motifs(add_causes(fake)))
    for run in fake.runs:
        with h5py.File(run / "attributions" / "substitution.h5") as file:
            copied = {name: data[()] for name, data in file.items()}
            attributes = dict(file.attrs)
        path = run / "attributions" / "in_silico_mutagenesis.h5"
        with h5py.File(path, "w") as file:
            for name, values in copied.items():
                file[name] = values
            changes = np.zeros((*copied["attributions"].shape, 4), dtype=np.float32)
            changes[:, 110, 2] = -2.0
            file["substitutions"] = changes
            file.attrs.update(attributes)
    path = write_browser(
        fake.runs,
        folder / "sites.html",
        predictor="toy",
        sites=fake.sites,
        windows=fake.folder / "windows.arrow",
        assemblies={"": "hg38"},
    )
    return fake, path


@pytest.fixture
def told_tab(told):
    """The page with words, opened anew."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no chromium on PATH: the page is not tried in a real browser")
    with open_tab(chromium) as found:
        found.open(told[1])
        yield found


def test_words_lie_where_the_sequence_has_them(told):
    fake, path = told
    data = read_data(path)
    (unit,), columns = data["units"], data["columns"]
    table = pd.read_csv(fake.runs[0].parents[2] / "explanations.tsv", sep="\t").query(
        "is_named"
    )
    labels = [one["label"] for one in unit["explanations"]]
    assert [label.removeprefix("no ") for label in labels] == table["name"].tolist()
    assert labels[0].startswith("no ") and "GGG" in labels[0]
    assert len(unit["maps"]) == 3 and unit["changes"]["length"] == 200
    seen = 0
    for site, explained, hits in zip(
        columns["site"], columns["explained"], columns["hits"], strict=True
    ):
        letters = data["sequences"]["letters"][str(site)]
        for number, start, end in hits:
            seen += 1
            assert "GG" in letters[start + 100 : end + 100]
            # What errors lack lies in the sites that are not explained by it.
            assert number not in explained
    assert seen > 20


def test_filter_by_explanation_and_ranges(told_tab):
    tab = told_tab
    label = tab.run("UNITS[0].explanations[0].label")
    choose(tab, "by-explanation", label)
    rows = read_rows(tab)
    assert rows and all(label in row[9] for row in rows)
    assert {row[1] for row in rows} == {"FP"}
    choose(tab, "by-explanation", "")
    choose(tab, "least-probability", "0.4")
    choose(tab, "most-probability", "0.6")
    values = tab.run("shown.map(row => COLUMNS.probability[row])")
    expected = tab.run(
        "COLUMNS.probability.filter(value => value >= 0.4 && value <= 0.6).length"
    )
    assert len(values) == expected and 0 < len(values) < tab.run("N")
    choose(tab, "least-score", "2")
    assert tab.run("shown.length") == 0


def test_export_saves_the_rows_that_are_shown(told_tab, tmp_path):
    tab = told_tab
    tab.send(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path)
    )
    choose(tab, "by-pred_type", "TP")
    shown = tab.run("shown.length")
    tab.run("get('export').click(); new Promise(done => setTimeout(done, 1500))")
    table = pd.read_csv(tmp_path / "sites_toy.csv")
    assert len(table) == shown > 0 and set(table["pred_type"]) == {"TP"}
    first = table.iloc[0]
    assert first["place"] == (
        f"{first['chrom']}:{first['junction']}-{first['junction'] + 1}"
    )
    assert set(table["strand"]) <= {"+", "-"}


def test_permalink_opens_its_site_and_leads_to_genome_browsers(told_tab, told):
    tab = told_tab
    tab.run("move(7); open()")
    place, hashed = tab.run("[interval(opened), location.hash]")
    site = tab.run("COLUMNS.site[opened]")
    assert f"site={site}" in hashed and "unit=fp_vs_tp.donor" in hashed
    assert tab.run("detail.querySelector('code').textContent") == place
    assert re.fullmatch(r"chr\d+:\d+-\d+", place)
    links = dict(
        tab.run(
            "[...detail.querySelectorAll('.place a')].map(a => [a.textContent, a.href])"
        )
    )
    assert set(links) == {"UCSC", "Ensembl", "IGV", "Link to this site"}
    assert "db=hg38" in links["UCSC"] and "position=chr" in links["UCSC"]
    assert "r=chr" not in links["Ensembl"] and "Homo_sapiens" in links["Ensembl"]
    tab.run("shut()")
    assert tab.run("detail.hidden") is True
    # The link opens the site although a filter hides it.
    choose(tab, "search", "no such gene")
    tab.run(f"location.hash = {json.dumps(hashed)}")
    tab.run("new Promise(done => setTimeout(done, 200))")
    assert str(site) in tab.run("get('detail-title').textContent")
    assert tab.run("COLUMNS.site[shown[current]]") == site
    assert tab.errors == []


def test_second_map_and_mutagenesis_on_demand(told_tab):
    tab = told_tab
    choose(tab, "by-map", "has a map")
    tab.run("move(0); open()")
    assert tab.run("detail.querySelectorAll('rect.change').length") == 0
    first = tab.run("readMap(UNITS[0].maps[0], COLUMNS.map[opened]).values[60]")
    tab.run(
        "(() => { const e = get('method'); e.value = 1;"
        " e.dispatchEvent(new Event('change')); })()"
    )
    assert "substitution" in tab.run("detail.textContent")
    second = tab.run("readMap(UNITS[0].maps[1], COLUMNS.map[opened]).values[60]")
    assert first != second
    tab.run("get('mutate').click()")
    assert tab.run("detail.querySelectorAll('rect.change').length") == 4 * 200
    strong = tab.run(
        "[...detail.querySelectorAll('rect.change')].filter("
        "rect => Number(rect.getAttribute('opacity')) > 0.9).length"
    )
    assert strong == 1


@pytest.mark.parametrize(("width", "columns"), [(480, 4), (1000, 8), (1400, 11)])
def test_columns_fit_the_window(told_tab, width, columns):
    tab = told_tab
    tab.send(
        "Emulation.setDeviceMetricsOverride",
        **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    tab.run("render(); new Promise(done => setTimeout(done, 100))")
    seen = tab.run(
        "[...body.firstChild.children].filter(cell => cell.offsetWidth > 0)"
        ".map(cell => cell.getBoundingClientRect().right)"
    )
    assert len(seen) == columns and max(seen) <= width
    assert tab.run("document.documentElement.scrollWidth") <= width
    tab.run("move(0); open()")
    assert tab.run("document.documentElement.scrollWidth") <= width
    letters = tab.run(
        "detail.querySelector('text.letter').getBoundingClientRect().height"
    )
    assert letters > 6
