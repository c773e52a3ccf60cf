"""The page in a real headless Chromium, on a real agent: what a person sees of it, and what it may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.running import PATIENCE_S, wait_for
from tests.status.watched import HOSTILE, Watched, watched

pytestmark = pytest.mark.browser

PATIENCE_MS = 1000 * PATIENCE_S
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1180, "height": 900}


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("agent")) as each:
        wait_for(lambda: (each.state().get("manager") or {}).get("applications"), each.running.log)
        yield each


@dataclass
class Visit:
    """A visit to the page, with all that it said on its console and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, seen: Watched, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Options of the browser's context come as the fixture's parameter."""
    options: dict[str, Any] = {"viewport": DESKTOP, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    found = Visit(page)
    page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
    page.on("request", lambda asked: found.asked.append(asked.url))
    page.goto(seen.url)
    yield found
    context.close()


def test_it_shows_live_figures_and_they_change_without_a_reload(visit: Visit, seen: Watched) -> None:
    page = visit.page
    page.evaluate("window.same = true")
    for available_mb, shown in ((2048, "25 %"), (4096, "50 %"), (6144, "75 %")):
        seen.manager.has(available_mb)
        expect(page.locator("#memory .big strong")).to_have_text(shown, timeout=PATIENCE_MS)
    assert page.evaluate("window.same") is True
    turns = page.locator("#decision .muted").inner_text()
    expect(page.locator("#decision .muted")).not_to_have_text(turns, timeout=PATIENCE_MS)
    assert visit.said == []


def test_it_says_why_it_holds_and_what_it_decided(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#decision h2")).to_have_text("Holding")
    codes = page.locator("#decision .reasons code").all_inner_texts()
    assert codes and all(re.fullmatch(r"[a-z-]+", code) for code in codes)
    assert page.locator("#decisions .entries li").count() >= 1
    assert set(codes) & set(page.locator("#decisions .entries code").all_inner_texts())
    expect(page.locator("#idle .probes")).to_contain_text("applications: 1 unfinished")


def test_a_name_from_the_wire_is_text_and_runs_nothing(visit: Visit, seen: Watched) -> None:
    page = visit.page
    expect(page.locator("#applications")).to_contain_text(HOSTILE)
    wait_for(lambda: renewed(visit) > 2, "it has been renewed by its script")
    assert page.title() == "nightly · Tidemark"
    assert page.locator("main img, main script").count() == 0
    assert visit.said == []


def test_nothing_is_asked_of_anybody_else(visit: Visit, seen: Watched) -> None:
    wait_for(lambda: renewed(visit) > 3, "it has asked again")
    visit.page.locator("summary").click()
    assert {url for url in visit.asked if not url.startswith("data:")} == {seen.url}
    assert visit.said == []


def renewed(visit: Visit) -> int:
    visit.page.wait_for_timeout(100)
    return len(visit.asked)


def test_a_script_that_got_in_would_not_run(visit: Visit) -> None:
    """Were a name ever to come through unescaped, the policy of the page stops it."""
    visit.page.evaluate(
        """() => {
          const evil = document.createElement("script");
          evil.textContent = "window.owned = 1";
          document.body.append(evil);
          document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.owned=1'>");
        }"""
    )
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate("window.owned") is None
    assert any("Content Security Policy" in said for said in visit.said)


def test_what_is_unfolded_stays_so_while_the_figures_change(visit: Visit, seen: Watched) -> None:
    page = visit.page
    page.locator("summary").click()
    row = page.locator("#figures tr", has_text="MemoryAvailablePercent")
    expect(row).to_be_visible()
    seen.manager.has(1024)
    expect(row).to_contain_text("12.5 %", timeout=PATIENCE_MS)
    expect(row).to_be_visible()


@pytest.mark.parametrize("visit", [{"viewport": PHONE, "is_mobile": True, "has_touch": True}], indirect=True)
def test_on_a_phone_nothing_scrolls_sideways(visit: Visit, seen: Watched) -> None:
    seen.report(*range(0, 100, 3))
    page = visit.page
    expect(page.locator("#executors svg")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("summary").click()
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert (width, inner) == (390, 390)
    for card in page.locator(".card").all():
        box = card.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390


@pytest.mark.parametrize("visit", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True)
def test_every_text_stands_out_from_its_ground(visit: Visit) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    visit.page.locator("summary").click()
    assert visit.page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = parse(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) weak.push(element.outerHTML.slice(0, 80) + " " + ratio.toFixed(2));
  }
  return weak;
}"""


def test_dark_is_dark(browser: Browser, seen: Watched) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(seen.url)
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
    assert grounds["light"] != grounds["dark"]
    assert sum(map(int, re.findall(r"\d+", grounds["dark"]))) < 150


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_without_script_it_is_whole_and_renews_itself(visit: Visit, seen: Watched) -> None:
    page = visit.page
    expect(page.locator("#decision h2")).to_have_text("Holding")
    expect(page.locator("#applications")).to_contain_text(HOSTILE)
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    assert len(visit.asked) == 1
    wait_for(lambda: renewed(visit) > 1, "the browser has loaded it again by itself")


def test_a_keyboard_and_a_screen_reader_find_their_way(visit: Visit) -> None:
    page = visit.page
    assert page.get_by_role("heading", level=1).inner_text() == "nightly"
    expect(page.get_by_role("region", name="Task capacity", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Target and provisioned units"))).to_be_visible()
    expect(page.get_by_role("link", name="state.json")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Holding")).to_have_count(1, timeout=PATIENCE_MS)
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#figures table")).to_be_visible()


def test_focus_and_what_is_marked_outlive_the_next_turn(visit: Visit) -> None:
    page = visit.page
    page.locator("summary").click()
    page.locator("#figures .scroll").focus()
    page.evaluate("window.first = document.querySelector('#figures table')")
    wait_for(lambda: page.evaluate("!window.first.isConnected"), "the table has been renewed")
    assert page.evaluate("document.activeElement.matches('#figures .scroll')")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#applications td'))")
    marked = page.evaluate("String(getSelection())")
    turns = page.locator("#decision .muted").inner_text()
    expect(page.locator("#decision .muted")).not_to_have_text(turns, timeout=PATIENCE_MS)
    assert HOSTILE in marked
    assert page.evaluate("String(getSelection())") == marked


def test_when_the_agent_is_gone_the_page_says_so_and_when_it_is_back_goes_on(browser: Browser, tmp_path: Path) -> None:
    with watched(tmp_path, lambda text: text.replace("restart_delay_s = 0.5", "restart_delay_s = 8.0")) as seen:
        wait_for(lambda: bool(seen.state()), seen.running.log)
        page = browser.new_page()
        page.goto(seen.url)
        expect(page.locator("#away")).to_be_hidden()
        seen.running.child.kill()
        expect(page.locator("#away")).to_contain_text("No answer from the agent", timeout=PATIENCE_MS)
        expect(page.locator("#decision h2")).to_have_text("Holding")
        expect(page.locator("#away")).to_be_hidden(timeout=PATIENCE_MS)
        page.close()


def test_turns_that_stand_still_are_said(browser: Browser, tmp_path: Path) -> None:
    """The agent answers and does not turn: what is shown must not look like now."""
    with watched(tmp_path) as seen:
        wait_for(lambda: bool(seen.state()), seen.running.log)
        page = browser.new_page()
        page.clock.install()
        page.goto(seen.url)
        page.evaluate("document.querySelector('main').dataset.at -= 100")
        page.route("**/", lambda route: route.fulfill(status=304))
        page.clock.run_for(3000)
        expect(page.locator("#away")).to_contain_text("does not turn", timeout=PATIENCE_MS)
        page.close()
