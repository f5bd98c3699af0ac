// What scripts add to pages that already work without them. No inline handlers, no eval, nothing kept in the browser.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const on = (type, act, options) => document.addEventListener(type, act, options);

  // -- Buttons go busy and cannot be pressed twice ---------------------------------------------------------------
  on("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "get" || "file" in form.dataset) return;
    form.dataset.sent = "yes";
    const button = event.submitter || form.querySelector("[type=submit]");
    // After this event: a disabled button would not be sent with the form.
    if (button) setTimeout(() => { button.setAttribute("aria-disabled", "true"); button.classList.add("busy"); });
  });
  addEventListener("pageshow", () => {  // back button: the page returns as it was left
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    document.querySelectorAll(".busy").forEach((b) => { b.classList.remove("busy"); b.removeAttribute("aria-disabled"); });
  });

  // -- Copy ------------------------------------------------------------------------------------------------------
  const say = (text) => {
    let spot = document.getElementById("said");
    if (!spot) {
      spot = document.createElement("div");
      spot.id = "said";
      spot.className = "visually-hidden";
      spot.setAttribute("role", "status");
      document.body.append(spot);
    }
    spot.textContent = text;
  };
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* not https: the old way */ }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  on("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const done = await copy(button.dataset.copy);
    button.focus();
    button.classList.toggle("copied", done);
    say(done ? "Copied" : "Could not copy");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });

  // -- Filters are folded on phones ------------------------------------------------------------------------------
  on("click", (event) => {
    const button = event.target.closest("[data-filters]");
    if (button) button.setAttribute("aria-expanded", String(button.closest("form").classList.toggle("filters-open")));
  });

  // -- Passwords can be shown ------------------------------------------------------------------------------------
  document.querySelectorAll("input[data-can-show]").forEach((input) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link-button show-password";
    button.textContent = "Show";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Show ${(input.labels[0] || {}).textContent || "password"}`);
    button.addEventListener("click", () => {
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.textContent = shown ? "Show" : "Hide";
      button.setAttribute("aria-pressed", String(!shown));
    });
    input.after(button);
  });

  // -- Unsaved changes -------------------------------------------------------------------------------------------
  const changed = new Set();
  on("input", (event) => { const form = event.target.closest("form[data-unsaved]"); if (form) changed.add(form); });
  on("submit", (event) => changed.delete(event.target));
  addEventListener("beforeunload", (event) => { if (changed.size) event.preventDefault(); });
  const firstError = document.getElementById("form-errors");
  if (firstError) firstError.focus();

  // -- Little boxes close again: Escape, a click elsewhere, "Keep as it is" ----------------------------------------
  const boxes = "details.user-menu[open], details.confirm[open]";
  const close = (details, back) => { details.open = false; if (back) details.querySelector("summary").focus(); };
  on("click", (event) => {
    document.querySelectorAll(boxes).forEach((details) => { if (!details.contains(event.target)) close(details); });
    if (event.target.closest("[data-close-details]")) close(event.target.closest("details"), true);
  });
  on("focusin", (event) => {  // by Tab: what has the focus is not left beneath one
    document.querySelectorAll(boxes).forEach((details) => { if (!details.contains(event.target)) close(details); });
  });
  on("keydown", (event) => {  // what is called a button is pressed by the space bar, too
    if (event.key === " " && event.target.matches("a[role=button]")) { event.preventDefault(); event.target.click(); }
    if (event.key === "Escape") document.querySelectorAll(boxes).forEach((details) => close(details, details.contains(document.activeElement)));
  });
  on("toggle", (event) => {  // it stays beside the menu, and the safe button has the focus
    if (!event.target.matches?.("details.confirm[open]")) return;
    const box = event.target.querySelector(".confirm-box");
    box.classList.remove("from-left");
    box.classList.toggle("from-left", box.getBoundingClientRect().left < document.querySelector("main").getBoundingClientRect().left);
    event.target.querySelector("[data-close-details]")?.focus();
  }, true);

  // -- The menu is a dialog only while it covers the page ------------------------------------------------------------
  on("show.bs.offcanvas", (event) => event.target.setAttribute("aria-label", "Menu"));
  on("hidden.bs.offcanvas", (event) => event.target.removeAttribute("aria-label"));

  // -- Keyboard: g and a letter, / ? j k r x. Never in fields; switched off in the profile (WCAG 2.1.4) --------------
  const keys = document.getElementById("keys");
  const main = document.querySelector("main");
  const seen = (elements) => [...elements].filter((element) => element.checkVisibility());
  const TICK = "table.rows tbody input[type=checkbox]";
  const parts = {  // what the keys work with, as far as this page has it
    search: () => main.querySelector("[data-search]") ?? document.querySelector("[data-search]"),
    rows: () => seen(main.querySelectorAll("table.rows tbody tr")).map((row) => row.querySelector("a.row-link") ?? row.querySelector("a") ?? row.querySelector("button, input")).filter(Boolean),
    retry: () => seen((document.activeElement.closest("main tbody tr") ?? main).querySelectorAll("[data-retry]"))[0],
    ticks: () => main.querySelector(TICK),
  };
  const has = (part) => { const found = parts[part](); return Array.isArray(found) ? found.length > 0 : Boolean(found); };
  const showKeys = () => {
    if (!keys || keys.open) return;
    keys.querySelectorAll("[data-works-with]").forEach((line) => { line.hidden = !has(line.dataset.worksWith); });
    keys.showModal();
  };
  on("click", (event) => { if (event.target.closest("[data-show-keys]")) showKeys(); });
  const typing = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  let afterG = 0;
  const step = (by) => {
    const stops = parts.rows(), row = document.activeElement.closest("tr");
    const next = stops.findIndex((stop) => stop.closest("tr") === row) + by;
    if (stops.length) stops[Math.max(0, Math.min(stops.length - 1, next))].focus();
  };
  const act = {
    "?": showKeys,
    "/": () => { const search = parts.search(); if (search) { search.focus(); search.select(); } },
    j: () => step(1),
    k: () => step(-1),
    r: () => parts.retry()?.click(),
    x: () => document.activeElement.closest("tr")?.querySelector(TICK)?.click(),
  };
  on("keydown", (event) => {
    if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || keys?.open) return;
    if (Date.now() - afterG < 1500) {
      afterG = 0;
      const link = document.querySelector(`#menu a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
    } else if (event.key === "g") afterG = Date.now();
    else if (Object.hasOwn(act, event.key)) { event.preventDefault(); act[event.key](); }
  });

  // -- Several rows at once: the ticks, the tick above them, and "all that match" go together -----------------------
  const bar = document.getElementById("several");
  if (bar) {
    const rows = [...main.querySelectorAll(`${TICK}[form=several]`)], whole = bar.elements.all, page = main.querySelector("[data-tick-page]");
    const count = bar.querySelector(".several-count");
    const tell = () => {
      const ticked = rows.filter((row) => row.checked).length;
      if (page) { page.checked = ticked === rows.length; page.indeterminate = ticked > 0 && ticked < rows.length; }
      count.textContent = whole.checked ? `${bar.dataset.total} ticked` : ticked ? `${ticked} ticked` : "";
    };
    const tickAll = (yes) => rows.forEach((row) => { row.checked = yes; });
    bar.addEventListener("change", () => { tickAll(whole.checked); tell(); });
    main.addEventListener("change", (event) => {
      if (event.target === page) { tickAll(page.checked); whole.checked = false; }
      else if (!rows.includes(event.target)) return;
      else if (!event.target.checked) whole.checked = false;
      tell();
    });
    addEventListener("pageshow", tell);
  }

  // -- Live parts (htmx, "every 5s"): only while the page is seen, not while something in them is open or focused ----
  let lastSeen = Date.now();
  ["pointermove", "keydown", "scroll"].forEach((type) => addEventListener(type, () => { lastSeen = Date.now(); }, { passive: true }));
  const IDLE_MS = 30 * 60 * 1000;
  on("htmx:beforeRequest", (event) => {
    const part = event.target;
    if (!part.matches?.("[data-live]")) return;
    const idle = Date.now() - lastSeen > IDLE_MS;
    part.classList.toggle("live-paused", idle);
    const busy = part.contains(document.activeElement) && document.activeElement !== part || part.querySelector("details[open]");
    if (document.hidden || idle || busy) event.preventDefault();
  });
  const follow = (within) => within.querySelectorAll("[data-follow] .log-lines").forEach((lines) => { lines.scrollTop = lines.scrollHeight; });
  on("htmx:afterSettle", () => follow(document));
  follow(document);
  const stale = (event) => {
    const part = event.target.closest?.("[data-live]");
    if (!part) return;
    const failed = event.type !== "htmx:afterOnLoad";
    part.classList.toggle("live-stale", failed);
    if (!failed) part.dataset.updated = new Date().toTimeString().slice(0, 5);
  };
  ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:afterOnLoad"].forEach((type) => on(type, stale));
})();
