"""A report in a browser: values by pointer and keys, zoom, logarithmic axes, dark, a phone's width, no errors."""

import json
import re
import shutil

import pytest
from a_run_folder import EPOCHS, make, make_evil

from jaxdl.runs import reports

webdriver = pytest.importorskip("selenium.webdriver", reason="the browser is driven by selenium")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="Chromium and its chromedriver are not here"),
]


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    here = tmp_path_factory.mktemp("pages")
    one, two = make(here / "runs" / "1"), make(here / "runs" / ("a_long_name_of_a_run_" * 4), learning_rate=0.01)
    return {
        "one": reports.write([one]),
        "several": reports.write([one, two], here / "several.html"),
        "evil": reports.write([make_evil(here / "evil")]),
    }


@pytest.fixture
def show(driver, pages):
    """Open a page; whatever a test does with it, the console stays empty and nothing is fetched."""

    def opened(name, *, dark=False, width=1200):
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        media = {"features": [{"name": wish, "value": value} for wish, value in wishes.items()]}
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.get(pages[name].as_uri())
        driver.execute_script("localStorage.clear()")
        return driver

    driver.get_log("browser")
    yield opened
    assert driver.get_log("browser") == []
    fetched = driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


def one(driver, selector):
    return driver.find_element("css selector", selector)


def texts(driver, selector):
    return [element.text for element in driver.find_elements("css selector", selector)]


def tip(driver):
    return one(driver, ".chart .tip").text.split()


def move(driver, share, *, press=False):
    """The pointer to a share of the first plot's width, its button held down on the way or not."""
    plot = one(driver, ".plot")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", plot)
    chain = webdriver.ActionChains(driver, duration=20)
    if press:
        chain.move_to_element_with_offset(plot, -round(plot.size["width"] * 0.2), 0).click_and_hold()
    chain.move_to_element_with_offset(plot, round(plot.size["width"] * (share - 0.5)), 0)
    (chain.release() if press else chain).perform()


def test_pointing_at_a_curve_shows_the_values_of_an_epoch(show):
    driver = show("one")
    move(driver, 0.5)
    epoch = int(tip(driver)[1])
    assert tip(driver) == ["epoch", str(epoch), "training", f"{2 / epoch:.5g}", "validation", f"{2.5 / epoch:.5g}"]
    assert 5 <= epoch <= 8
    one(driver, "[data-axis=step]").click()
    move(driver, 0.98)
    assert tip(driver)[:2] == ["step", str(40 * EPOCHS)]
    webdriver.ActionChains(driver).move_to_element(one(driver, "#curves")).perform()
    assert tip(driver) == []


def test_dragging_zooms_into_all_charts_and_the_button_resets(show):
    driver = show("one")
    whole = texts(driver, ".plot text")
    move(driver, 0.6, press=True)
    low, high = driver.execute_script("return view.range")
    assert 1 < low < high < EPOCHS
    shown = one(driver, ".chart:nth-of-type(1) .plot").text.split()
    assert str(EPOCHS) not in shown
    one(driver, ".chart .reset").click()
    assert texts(driver, ".plot text") == whole
    assert not one(driver, ".chart .reset").is_displayed()


def test_the_vertical_axis_becomes_logarithmic(show):
    driver = show("one")
    button, path = one(driver, ".log"), one(driver, ".curve").get_attribute("d")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    heights = [float(y) for y in re.findall(r" ([\d.]+)", one(driver, ".plot .curve").get_attribute("d"))]
    assert one(driver, ".plot .curve").get_attribute("d") != path
    halvings = [heights[2 * e - 1] - heights[e - 1] for e in (1, 2, 3, 6)]  # 2 / epoch: equal ratios, equal steps
    assert max(halvings) - min(halvings) < 0.4
    button.click()
    assert one(driver, ".plot .curve").get_attribute("d") == path


def test_runs_lie_over_each_other_and_can_be_left_out(show):
    driver = show("several")
    first = one(driver, ".chart")
    assert len(first.find_elements("css selector", ".plot > svg .curve")) == 4
    first.find_elements("css selector", ".legend button")[1].click()
    assert len(first.find_elements("css selector", ".plot > svg .curve")) == 3
    curves = first.find_elements("css selector", ".plot > svg .curve")
    assert len({curve.value_of_css_property("stroke") for curve in curves}) == 2


def luminance(color):
    channels = [int(c) / 255 for c in re.findall(r"\d+", color)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(driver, selector):
    """Between a text and the page or card behind it, as WCAG 2 defines it."""
    script = """let e = document.querySelector(arguments[0]); const color = getComputedStyle(e).color;
    while (getComputedStyle(e).backgroundColor === "rgba(0, 0, 0, 0)") e = e.parentElement;
    return [color, getComputedStyle(e).backgroundColor]"""
    low, high = sorted(map(luminance, driver.execute_script(script, selector)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_dark_and_light_by_the_system_and_by_the_button(show, dark):
    driver = show("one", dark=dark)
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = luminance(driver.execute_script(ground))
    assert (before < 0.1) == dark
    for _ in range(2):
        for selector in ("h1", ".about", ".tile span", "td", "thead th", "button.log", "nav a", "footer"):
            assert contrast(driver, selector) >= 4.5, selector
        one(driver, "#theme").click()
    one(driver, "#theme").click()
    assert (luminance(driver.execute_script(ground)) < 0.1) != dark
    driver.refresh()
    assert (luminance(driver.execute_script(ground)) < 0.1) != dark, "the choice is kept"


@pytest.mark.parametrize("name", ["one", "several", "evil"])
@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction_alone(show, name, width):
    driver = show(name, width=width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert all(plot.size["width"] > 0.75 * width for plot in driver.find_elements("css selector", ".plot"))
    names = [th for th in driver.find_elements("css selector", "tbody th") if len(th.text) > 8]
    assert min(th.size["width"] for th in names) > 50, "names are broken up"


def test_everything_is_done_by_keyboard(show):
    driver = show("one")
    keys, seen = webdriver.Keys, []

    def press(*pressed):
        webdriver.ActionChains(driver).send_keys(*pressed).perform()

    for _ in range(60):
        press(keys.TAB)
        focused = driver.switch_to.active_element
        seen.append(focused.get_attribute("class") or focused.get_attribute("id") or focused.tag_name)
        assert driver.execute_script("return getComputedStyle(arguments[0]).outlineStyle", focused) != "none"
        if seen[-1] == "plot":
            break
    assert {"skip", "a", "theme", "log", "plot"} <= set(seen)
    press(keys.HOME)
    assert tip(driver)[:2] == ["epoch", "1"]
    press(keys.ARROW_RIGHT, keys.ARROW_RIGHT)
    assert tip(driver)[:4] == ["epoch", "3", "training", "0.66667"]
    press("l")
    assert one(driver, ".log").get_attribute("aria-pressed") == "true"
    press("+")
    assert driver.execute_script("return view.range !== null")
    press("0")
    assert driver.execute_script("return view.range === null")
    press(keys.END)
    assert tip(driver)[:2] == ["epoch", str(EPOCHS)]
    press(keys.ESCAPE)
    assert tip(driver) == []


def test_a_picture_is_enlarged_and_put_away(show):
    driver = show("one")
    driver.execute_script("document.querySelector('.picture').focus()")
    webdriver.ActionChains(driver).send_keys(webdriver.Keys.ENTER).perform()
    assert one(driver, "dialog img").is_displayed()
    webdriver.ActionChains(driver).send_keys(webdriver.Keys.ESCAPE).perform()
    assert not one(driver, "dialog").is_displayed()


def test_what_a_run_folder_says_is_never_run(show):
    driver = show("evil")
    assert "<script>alert(1)</script>" in one(driver, ".about").text
    assert "<img src=x onerror=" in " ".join(texts(driver, "figcaption"))
    move(driver, 0.5)
    assert len(driver.find_elements("css selector", "script")) == 2


def test_gaps_and_single_epochs_are_drawn(driver, tmp_path):
    folder = make(tmp_path / "1")
    rows = [
        {"epoch": 1, "loss": None},
        {"epoch": 2, "loss": -1.0},
        {"epoch": 3, "loss": None},
        {"epoch": 4, "loss": 3.0},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    driver.get(reports.write([folder]).as_uri())
    points = len(driver.find_elements("css selector", "[data-chart='0'] circle"))
    assert points == 2
    one(driver, ".log").click()
    assert len(driver.find_elements("css selector", "[data-chart='0'] circle")) == 1
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "loss": null}\n')
    driver.get(reports.write([folder]).as_uri())
    assert one(driver, ".log").is_enabled() is False
    assert driver.get_log("browser") == []
