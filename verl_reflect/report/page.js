// The browser of transcripts: a list with filters, one entry in full beside it, its state in the address.
// Text of models is only ever put into the page as text (textContent).
"use strict";
{
  const PAGE = 50;
  const LONG = 1500; // characters of a turn that is folded
  const LONG_LINES = 24;
  const SHOW_ALL = "Show all of it";
  const SHOW_LESS = "Show less";
  const data = JSON.parse(document.getElementById("data").textContent);
  const ONLY = "only these tokens are rewarded";
  const VERDICT = { true: ["✓ passed", "passed"], false: ["✗ failed", "failed"] };

  // An element with a class, attributes and children; a child that is a string becomes text.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  const text = (number) => data.texts[number];
  const number = (value) => value.toLocaleString("en");
  const verdict = (said) => {
    const [words, name] = VERDICT[said.passed];
    const why = said.passed || !said.error || said.error === "none" ? "" : `: ${said.error.replaceAll("_", " ")}`;
    const more = said.passed || !said.detail ? "" : ` (${said.detail})`;
    return make("span", { class: name }, words + why + more);
  };

  // --- One conversation ---------------------------------------------------------------------------------------------

  function turn(who, content, { said = null, trained = false, remark = null } = {}) {
    const tokens = said ? `${number(said.tokens)}\u00a0tokens${said.cut ? ", cut off" : ""}` : "";
    const words = make("pre", {}, content || "(nothing)");
    if (trained && !said.cut) words.append(" ", make("span", { class: "end", title: "the end of the turn is a token too" }, "end"));
    const kind = trained ? "turn trained" : said ? "turn said" : "turn";
    const right = make("span", {}, remark ?? "", remark && tokens ? " · " : "", tokens);
    return make("div", { class: kind }, make("div", { class: "who" }, make("span", {}, who), right), words, fold(words));
  }

  // A long turn shows its beginning, and a button for all of it.
  function fold(words) {
    const content = words.textContent;
    if (content.length <= LONG && content.split("\n").length <= LONG_LINES) return null;
    const button = make("button", { type: "button", class: "unfold", "aria-expanded": "false" }, SHOW_ALL);
    words.classList.add("folded");
    button.addEventListener("click", () => {
      const folded = words.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(!folded));
      button.textContent = folded ? SHOW_ALL : SHOW_LESS;
    });
    return button;
  }

  function userTurn(content) {
    if (content) return turn("user", content);
    const words = make("pre", { class: "unknown" }, "It is told that this was wrong, and asked to reflect.");
    return make("div", { class: "turn" }, make("div", { class: "who" }, "user"), words);
  }

  function attempt(session, source, { shared = false } = {}) {
    const trained = source.trained.includes("attempt");
    return turn(shared ? "model, first attempt (the same for all)" : "model, first attempt", text(session.attempt.text), {
      said: session.attempt,
      trained,
      remark: verdict(session.attempt),
    });
  }

  function reflection(session, source, remark) {
    const trained = source.trained.includes("reflection");
    return turn("model, reflection", text(session.reflection.text), {
      said: session.reflection,
      trained,
      remark: trained ? remark : null,
    });
  }

  function retries(session, source) {
    const trained = source.trained.includes("retry");
    return session.retries.map((retry, place) =>
      turn(session.retries.length > 1 ? `model, retry ${place + 1}` : "model, retry", text(retry.text), {
        said: retry,
        trained,
        remark: verdict(retry),
      }),
    );
  }

  function outcome(session) {
    if (session.passed) return make("p", { class: "reward" }, "Passed at the first try: there is nothing to reflect on.");
    if (!session.reflection && !session.retries.length) {
      return make("p", { class: "reward" }, "There was no second try.");
    }
    if (!session.reflection) return make("p", { class: "reward" }, "No reflection: this is the control.");
    const why = {
      0: "because it is empty or goes on past its turn, and so got no retry",
      1: `because the retry ${session.reward > 0 ? "passed" : "failed"}`,
    }[session.retries.length] ?? `the share of its ${session.retries.length} retries that passed`;
    const reward = make("strong", {}, String(+session.reward.toFixed(2)));
    return make("p", { class: "reward" }, "Reward of the reflection: ", reward, `, ${why}.`);
  }

  // What follows the first attempt, or the request where both sides share it.
  function secondTry(session, item, source, shared = false) {
    if (session.passed) return [outcome(session)];
    const request = session.reflection && !shared ? [userTurn(text(item.request))] : [];
    const asked = session.reflection ? [...request, reflection(session, source, ONLY)] : [];
    const again = session.retries.length ? [turn("user, the task again", text(item.again))] : [];
    return [...asked, ...again, ...retries(session, source), outcome(session)];
  }

  function heading(entry, source, more) {
    const title = make("h3", {}, `${source.name}, item ${entry.index}`);
    return make("div", { class: "heading" }, title, make("p", { class: "quiet" }, more));
  }

  function itemDetail(item) {
    const source = data.sources[item.source];
    const { before, after } = item;
    const more = `${item.kind} · ${STATUS.items[item.status][1]}`;
    const task = turn("user, the task", text(item.task));
    if (!before) {
      return [heading(item, source, more), make("div", { class: "talk" }, task, attempt(after, source), ...secondTry(after, item, source))];
    }
    const same = before.attempt.text === after.attempt.text;
    const asked = same && before.reflection && after.reflection;
    const side = (session, name) =>
      make("div", {}, make("h4", {}, name),
        make("div", { class: "talk" }, ...(same ? [] : [attempt(session, source)]), ...secondTry(session, item, source, asked)));
    return [
      heading(item, source, more),
      make("div", { class: "talk" }, task, ...(same ? [attempt(after, source)] : []), ...(asked ? [userTurn(text(item.request))] : [])),
      make("div", { class: "sides" }, side(before, source.before), side(after, source.after)),
    ];
  }

  // --- One group of reflections -------------------------------------------------------------------------------------

  function member(session, source, group) {
    const push = session.push;
    const direction = push === null ? "" : push > 0 ? "up" : push < 0 ? "down" : "";
    const words = { up: "▲ more likely", down: "▼ less likely", "": push === null ? "" : "no change" }[direction];
    const effect = make("div", { class: "outcome" },
      make("div", {}, "reward ", make("strong", {}, String(+session.paid.toFixed(2)))),
      push === null ? null : make("div", {}, `advantage ${push > 0 ? "+" : ""}${push.toFixed(2).replace("-", "−")}`),
      make("div", { class: direction === "up" ? "passed" : direction === "down" ? "failed" : "" }, words));
    const first = session.reflection ? reflection(session, source, "trained") : attempt(session, source);
    const after = session.reflection ? session.retries : [];
    const told = after.map((retry) => make("pre", {}, "retry: ", text(retry.text), " ", verdict(retry)));
    const own = group.shared || !session.reflection ? [] : [attempt(session, source)];
    return make("li", { class: `member ${direction}` }, ...own, first, effect, make("div", { class: "retry" }, ...told));
  }

  function groupDetail(group) {
    const source = data.sources[group.source];
    const first = group.members[0];
    const shuffled = source.shuffled ? " · rewards were then shuffled within the group, so these are not what was paid" : "";
    return [
      heading(group, source, `training step ${group.step} · ${STATUS.groups[group.status][1]}${shuffled}`),
      make("div", { class: "talk" },
        turn("user, the task", text(group.task)),
        group.shared ? attempt(first, source, { shared: true }) : null,
        first.reflection ? userTurn(text(group.request)) : null),
      make("ol", { class: "members" }, ...group.members.map((session) => member(session, source, group))),
    ];
  }

  // --- List, filters, keys ------------------------------------------------------------------------------------------

  const STATUS = {
    items: {
      fixed: ["✗→✓", "fixed"],
      broken: ["✓→✗", "broken"],
      wrong: ["✗→✗", "still wrong"],
      solved: ["✓→✓", "solved"],
    },
    groups: {
      mixed: ["▲▼", "some pass, so it teaches"],
      none: ["✗", "none passes, so nothing is learned"],
      all: ["✓", "all pass, so nothing is learned"],
    },
  };
  const CHIPS = {
    items: { fixed: "fixed", broken: "broken", wrong: "still wrong", solved: "solved" },
    groups: { mixed: "some pass", none: "none passes", all: "all pass" },
  };

  function spoken(session) {
    return [session.attempt, session.reflection, ...session.retries].filter(Boolean).map((said) => text(said.text));
  }

  const words = {
    items: (item) => [text(item.task), ...(item.before ? spoken(item.before) : []), ...spoken(item.after)],
    groups: (group) => [text(group.task), ...group.members.flatMap(spoken)],
  };
  const kind = { items: (item) => item.kind, groups: (group) => `step ${group.step}` };
  const detail = { items: itemDetail, groups: groupDetail };

  class Browser {
    constructor(root, name) {
      this.name = name;
      this.entries = data[name];
      this.kinds = [...new Set(this.entries.map(kind[name]))];
      this.start = {
        source: "0",
        kind: name === "items" ? (data.first_kind || this.kinds[0]) : "",
        status: "",
        q: "",
        at: "",
      };
      this.state = { ...this.start };
      this.build(root);
      this.readAddress();
    }

    build(root) {
      const select = (key, label, choices) => {
        this[key] = make("select", {}, make("option", { value: "" }, "all"), ...choices.map(([value, words]) => make("option", { value }, words)));
        this[key].addEventListener("change", () => this.change({ [key]: this[key].value }));
        return make("label", {}, label, make("br"), this[key]);
      };
      this.q = make("input", { type: "search", placeholder: "words or numbers", autocomplete: "off" });
      this.q.addEventListener("input", () => this.change({ q: this.q.value }));
      this.counts = {};
      const chip = (value, words) => {
        this.counts[value] = make("span", {}, words);
        const input = make("input", { type: "radio", name: `${this.name}-status`, value });
        input.addEventListener("change", () => this.change({ status: value }));
        return make("label", {}, input, this.counts[value]);
      };
      this.chips = make("fieldset", {}, make("legend", {}, "Outcome"),
        make("div", { class: "chips" }, chip("", "all"), ...Object.entries(CHIPS[this.name]).map(([value, words]) => chip(value, words))));
      this.list = make("ol", { class: "entries" });
      this.count = make("span", { role: "status" });
      this.previous = make("button", { type: "button" }, "‹ Previous");
      this.next = make("button", { type: "button" }, "Next ›");
      this.previous.addEventListener("click", () => this.move(-1));
      this.next.addEventListener("click", () => this.move(1));
      this.detail = make("div", { class: "detail", role: "region", "aria-label": "The chosen entry", tabindex: "0" });
      root.setAttribute("aria-busy", "false");
      root.append(
        make("div", { class: "filters" },
          this.chips,
          select("source", "Of", data.sources.map((source, place) => [String(place), source.name])),
          select("kind", this.name === "items" ? "Measured" : "When", this.kinds.map((each) => [each, each])),
          make("label", {}, "Search", make("br"), this.q)),
        make("div", {}, make("div", { class: "pager" }, this.previous, this.count, this.next), this.list),
        this.detail);
      this.root = root;
      root.addEventListener("keydown", (event) => {
        const inList = this.list.contains(document.activeElement);
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step || !inList || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        this.move(step, true);
      });
    }

    change(changes) {
      this.state = { ...this.state, at: "", ...changes };
      this.show();
      writeAddress();
    }

    // Entries that the filters other than the status let through, and of those the ones with the status.
    filter() {
      const { source, kind: wanted, status, q } = this.state;
      const sought = q.trim().toLowerCase();
      const before = this.entries.filter((entry) =>
        (source === "" || entry.source === Number(source)) &&
        (wanted === "" || kind[this.name](entry) === wanted) &&
        (!sought || words[this.name](entry).some((each) => each.toLowerCase().includes(sought))));
      for (const value of Object.keys(this.counts)) {
        const label = value === "" ? "all" : CHIPS[this.name][value];
        const found = value === "" ? before.length : before.filter((entry) => entry.status === value).length;
        this.counts[value].textContent = `${label} ${number(found)}`;
      }
      return status === "" ? before : before.filter((entry) => entry.status === status);
    }

    show(focus = false) {
      this.shown = this.filter();
      const { at } = this.state;
      const found = at === "" ? 0 : this.shown.indexOf(this.entries[Number(at)]);
      this.place = Math.max(0, found);
      for (const key of ["source", "kind", "q"]) this[key].value = this.state[key];
      for (const input of this.chips.querySelectorAll("input")) input.checked = input.value === this.state.status;
      this.page = -1;
      this.choose(focus);
    }

    move(step, focus = false) {
      const place = this.place + step;
      if (place < 0 || place >= this.shown.length) return;
      this.place = place;
      this.choose(focus);
      this.state.at = String(this.entries.indexOf(this.shown[place]));
      writeAddress();
    }

    choose(focus) {
      const page = Math.floor(this.place / PAGE);
      if (page !== this.page) this.fill(page);
      this.page = page;
      this.previous.disabled = this.place <= 0;
      this.next.disabled = this.place >= this.shown.length - 1;
      const entry = this.shown[this.place];
      this.count.textContent = entry ? `${number(this.place + 1)} of ${number(this.shown.length)}` : "none";
      if (!entry) {
        this.detail.replaceChildren(make("p", { class: "empty" }, "Nothing matches these filters."));
        return;
      }
      this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
      const button = this.list.children[this.place - page * PAGE].firstChild;
      button.setAttribute("aria-current", "true");
      this.scrollTo(button);
      if (focus) button.focus({ preventScroll: true });
      this.detail.replaceChildren(...detail[this.name](entry));
    }

    // Within the list only: the page stays where it is.
    scrollTo(button) {
      const { top, bottom } = button.getBoundingClientRect();
      const frame = this.list.getBoundingClientRect();
      if (top < frame.top) this.list.scrollTop -= frame.top - top;
      if (bottom > frame.bottom) this.list.scrollTop += bottom - frame.bottom;
    }

    fill(page) {
      const entries = this.shown.slice(page * PAGE, (page + 1) * PAGE);
      this.list.start = page * PAGE + 1;
      this.list.replaceChildren(...entries.map((entry, offset) => {
        const [sign, meaning] = STATUS[this.name][entry.status];
        const button = make("button", { type: "button" },
          make("span", { class: "sign", "aria-label": meaning, title: meaning, role: "img" }, sign),
          make("span", {}, text(entry.task).slice(0, 120)));
        button.addEventListener("click", () => {
          this.place = page * PAGE + offset;
          this.state.at = String(this.entries.indexOf(entry));
          this.choose(false);
          writeAddress();
        });
        return make("li", {}, button);
      }));
    }

    readAddress() {
      const found = new URLSearchParams(location.hash.slice(1));
      this.state = { ...this.start };
      for (const key of Object.keys(this.state)) {
        const value = found.get(`${this.name}.${key}`);
        if (value !== null) this.state[key] = value;
      }
      this.show();
    }

    // What differs from how the page opens.
    address() {
      return Object.entries(this.state)
        .filter(([key, value]) => value !== this.start[key])
        .map(([key, value]) => [`${this.name}.${key}`, value]);
    }
  }

  const browsers = [...document.querySelectorAll("[data-browser]")].map((root) => new Browser(root, root.dataset.browser));

  function writeAddress() {
    const state = new URLSearchParams(browsers.flatMap((browser) => browser.address()));
    history.replaceState(null, "", `#${state}`);
  }

  function toBrowserOfAddress() {
    const browser = browsers.find((each) => location.hash.includes(`${each.name}.`));
    browser?.root.closest("section").scrollIntoView();
  }

  // j and k move in the browser that is in view.
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    const typing = event.target.closest?.("input[type=search], select, textarea");
    if (!step || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = window.innerHeight / 2;
    const distance = (browser) => {
      const { top, bottom } = browser.root.getBoundingClientRect();
      return top > middle ? top - middle : bottom < middle ? middle - bottom : 0;
    };
    browsers.sort((a, b) => distance(a) - distance(b))[0]?.move(step);
  });
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return;
    browsers.forEach((browser) => browser.readAddress());
    toBrowserOfAddress();
  });
  toBrowserOfAddress();
  performance.mark("browsable");
}
