"use strict";
// Asks for the page again, sections that differ are put in the place of the old ones, and ages go on between turns.
// The page comes escaped and is only ever taken apart as a document of its own, in which no script runs.
(() => {
  const seconds = () => Date.now() / 1000 + ahead;
  const main = () => document.querySelector("main");
  const shown = new Map(); // by selector: what was last put there
  let ahead = 0, etag = null, answered = Date.now(), away = false;

  const words = (span) => {
    let whole = Math.max(0, Math.round(span));
    for (const [size, unit, smaller, below] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
      if (whole >= size) {
        const rest = Math.floor((whole % size) / smaller);
        return Math.floor(whole / size) + " " + unit + (rest ? " " + rest + " " + below : "");
      }
    }
    return whole + " s";
  };

  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  const age = () => {
    const now = seconds();
    for (const each of document.querySelectorAll("time[data-at]")) put(each, words(now - each.dataset.at) + " ago");
    for (const each of document.querySelectorAll("time[data-until]")) {
      put(each, each.dataset.until > now ? "in " + words(each.dataset.until - now) : "now");
    }
    for (const each of document.querySelectorAll("time[data-since]")) put(each, words(now - each.dataset.since));
    const { at, period } = main().dataset;
    const old = at ? now - at : 0;
    let said = "";
    if (away) {
      said = "No answer from the agent for " + words((Date.now() - answered) / 1000) +
        ": it is not running, or the tunnel is closed. What you see is old.";
    } else if (at && old > 3 * period + 5) {
      said = "The last turn was " + words(old) + " ago: the agent answers, but does not turn. What you see is old.";
    }
    const banner = document.getElementById("away");
    put(banner, said);
    banner.hidden = !said;
    document.body.classList.toggle("old", Boolean(said));
  };

  const reached = "summary, .scroll, a";

  const swap = (before, after) => {
    const focus = [...before.querySelectorAll(reached)].indexOf(document.activeElement);
    const open = [...before.querySelectorAll("details[open]")].map((each) => each.id);
    const scrolled = [...before.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    before.replaceChildren(...after.childNodes);
    before.className = after.className;
    for (const id of open) { const each = document.getElementById(id); if (each) each.open = true; }
    before.querySelectorAll(".scroll").forEach((each, number) => { each.scrollLeft = scrolled[number] || 0; });
    if (focus >= 0) before.querySelectorAll(reached)[focus]?.focus({ preventScroll: true });
  };

  // who marks text to copy it keeps it
  const selectedIn = (element) => {
    const selection = getSelection();
    return !selection.isCollapsed && element.contains(selection.anchorNode);
  };

  const renew = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const ids = (root) => [...root.querySelectorAll("#cards > [id]")].map((each) => each.id).join();
    const whole = ids(document) !== ids(fresh) || !document.getElementById("cards");
    const cards = [...fresh.querySelectorAll("#cards > [id]")].map((each) => "#" + each.id);
    if (whole) shown.clear();
    for (const part of whole ? ["header", "main"] : ["header", "#notes", "#decision", ...cards]) {
      const before = document.querySelector(part), after = fresh.querySelector(part);
      const text = after && after.innerHTML;
      if (before && after && shown.get(part) !== text && !selectedIn(before)) {
        swap(before, after);
        shown.set(part, text);
      }
    }
    Object.assign(main().dataset, fresh.querySelector("main").dataset);
    document.title = fresh.title;
    const headline = document.getElementById("decision-title");
    if (headline) put(document.getElementById("spoken"), headline.textContent);
  };

  const look = async () => {
    const give_up = new AbortController();
    const timer = setTimeout(() => give_up.abort(), 8000);
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch("/", { headers, cache: "no-store", signal: give_up.signal });
      const date = Date.parse(answer.headers.get("Date"));
      if (date) ahead = Math.abs(date - Date.now()) > 1500 ? (date - Date.now()) / 1000 : 0;
      if (answer.status === 200) {
        renew(await answer.text());
        etag = answer.headers.get("ETag");
      }
      away = answer.status !== 200 && answer.status !== 304;
      if (!away) answered = Date.now();
    } catch {
      away = true;
    } finally {
      clearTimeout(timer);
    }
    age();
  };

  const round = async () => {
    if (!document.hidden) await look();
    setTimeout(round, 1000 * (main().dataset.poll || 5));
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  setInterval(age, 1000);
  round();
})();
