/* A chat with an agent of Remit, in any page:
 *   <script src="https://remit.example/chat/default/desk.js" data-title="Ask us" data-greeting="How can we help?" defer></script>
 * data-identity: who the visitor is, signed by the site's server; data-consent="yes": the visitor agrees to be known again, and to pages
 * being counted. window.remitChat has open(), close(), consent(yes) and identify(token).
 * No dependency, no inline style or script: a page with a strict Content-Security-Policy names this server in script-src and connect-src. */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.remitChat) return;
  const base = script.src.replace(/\.js(\?.*)?$/, "");
  const told = script.dataset;
  const keep = `remit-chat ${base}`;
  const words = {
    title: told.title || "Chat",
    greeting: told.greeting || "",
    open: told.open || "Open the chat",
    close: told.close || "Close the chat",
    write: told.write || "Your message",
    send: told.send || "Send",
    you: told.you || "You",
    them: told.them || "Answer",
    colleague: told.colleague || "A colleague",
    working: told.working || "An answer is being written.",
    person: told.person || "You are talking with a colleague now.",
    asked: told.asked || "A colleague is being asked. You can leave this open.",
    failed: told.failed || "That could not be sent. Try again.",
    away: told.away || "The chat cannot be reached now.",
  };
  let consent = told.consent === "yes";
  let identity = told.identity || "";
  let session = read();
  let after = 0, following = null, state = { working: false, asked: false, person: false };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { all: initial; --ink: #1c2024; --soft: #5b6470; --paper: #fff; --mine: #1f4fd8; --on-mine: #fff; --theirs: #eef1f5; --line: #c9d0d9;
      font: 16px/1.45 system-ui, sans-serif; color: var(--ink); position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483000; }
    @media (prefers-color-scheme: dark) { :host { --ink: #e8ebef; --soft: #a9b2bd; --paper: #15181c; --mine: #7ea2ff; --on-mine: #0b1020;
      --theirs: #262b31; --line: #454d57; } }
    * { box-sizing: border-box; font: inherit; color: inherit; }
    button { cursor: pointer; border: 0; border-radius: 0.5rem; background: var(--mine); color: var(--on-mine); padding: 0.6rem 1rem; min-height: 2.75rem; }
    button:focus-visible, textarea:focus-visible, .log:focus-visible { outline: 3px solid var(--mine); outline-offset: 2px; }
    .toggle { border-radius: 999px; box-shadow: 0 2px 12px #0005; padding: 0.75rem 1.25rem; display: block; margin-left: auto; }
    section { width: 24rem; max-width: calc(100vw - 2rem); height: min(34rem, calc(100dvh - 6.5rem)); display: flex; flex-direction: column; background: var(--paper);
      border: 1px solid var(--line); border-radius: 0.75rem; box-shadow: 0 6px 30px #0004; margin-bottom: 0.75rem; overflow: hidden; }
    [hidden] { display: none !important; }
    header { display: flex; align-items: center; justify-content: space-between; gap: 0.5rem; padding: 0.5rem 0.5rem 0.5rem 1rem; border-bottom: 1px solid var(--line); }
    h2 { margin: 0; font-weight: 600; }
    header button { background: none; color: var(--soft); min-width: 2.75rem; padding: 0; font-size: 1.4rem; line-height: 1; }
    .log { margin: 0; padding: 1rem; flex: 1; overflow-y: auto; display: flex; flex-direction: column; gap: 0.6rem; }
    .said { max-width: 85%; padding: 0.5rem 0.8rem; border-radius: 0.8rem; background: var(--theirs); white-space: pre-wrap; overflow-wrap: anywhere; align-self: flex-start; }
    .said.visitor { background: var(--mine); color: var(--on-mine); align-self: flex-end; }
    .said.waits { opacity: 0.6; }
    .said.colleague .by { position: static; width: auto; height: auto; clip-path: none; font-weight: 600; }
    .said:not(.colleague) > .by { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    a { text-decoration: underline; }
    .state { min-height: 1.6rem; margin: 0; padding: 0 1rem; color: var(--soft); font-size: 0.875rem; }
    form { display: flex; gap: 0.5rem; padding: 0.75rem; border-top: 1px solid var(--line); align-items: flex-end; }
    label { flex: 1; display: grid; gap: 0.4rem; font-size: 0.8125rem; color: var(--soft); }
    textarea { resize: none; width: 100%; field-sizing: content; min-height: 2.75rem; max-height: 8rem; padding: 0.55rem 0.7rem; border: 1px solid var(--soft); border-radius: 0.5rem;
      background: var(--paper); color: var(--ink); font-size: 1rem; }
    @media (max-width: 30rem) { :host { inset: auto 0.5rem 0.5rem 0.5rem; } section { width: 100%; max-width: none; height: calc(100dvh - 5rem); } }
    @media (prefers-reduced-motion: no-preference) { section { animation: come 0.15s ease-out; } @keyframes come { from { transform: translateY(0.5rem); opacity: 0; } } }
  `);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const make = (name, set = {}, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(set)) key === "class" ? (made.className = value) : made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const log = make("div", { role: "log", class: "log", "aria-live": "polite", "aria-label": words.title, tabindex: "0" });
  const line = make("p", { class: "state", role: "status" });
  const box = make("textarea", { rows: "1", maxlength: "2000", required: "" });
  const form = make("form", {}, make("label", {}, words.write, box), make("button", {}, words.send));
  const shut = make("button", { type: "button", "aria-label": words.close }, "×");
  const panel = make("section", { role: "dialog", "aria-label": words.title, hidden: "" },
    make("header", {}, make("h2", {}, words.title), shut), log, line, form);
  const toggle = make("button", { type: "button", class: "toggle", "aria-expanded": "false", "aria-label": words.open }, words.title);
  root.append(panel, toggle);

  function read() {
    for (const store of stores()) {
      try { const found = JSON.parse(store.getItem(keep) || "null"); if (found && found.token) return found; } catch { /* nothing is kept */ }
    }
    return null;
  }
  function write() {
    for (const store of stores()) try { store.removeItem(keep); } catch { /* it may keep nothing */ }
    try { (consent ? localStorage : sessionStorage).setItem(keep, JSON.stringify(session)); } catch { /* nor here */ }
  }
  function stores() {
    const found = [];
    for (const name of ["localStorage", "sessionStorage"]) try { found.push(window[name]); } catch { /* a browser that keeps nothing */ }
    return found;
  }
  async function call(what, body) {
    const headers = { "content-type": "application/json" };
    if (session) headers.authorization = `Bearer ${session.token}`;
    return fetch(`${base}/${what}`, { method: "POST", mode: "cors", credentials: "omit", headers, body: JSON.stringify(body) });
  }
  async function begun() {
    if (session) return session;
    const device = crypto.randomUUID();
    const answer = await call("sessions", identity ? { device, identity } : { device });
    if (!answer.ok) throw new Error(String(answer.status));
    session = { ...(await answer.json()), device };
    write();
    return session;
  }
  async function again(what, body) {  // a token may be gone: then it is begun anew
    await begun();
    let answer = await call(what, body);
    if (answer.status === 401) { session = null; after = 0; await begun(); answer = await call(what, body); }
    return answer;
  }

  function put(by, text, id, waits) {
    const found = [...log.children].find((one) => one.dataset.id === String(id) || (by === "visitor" && one.dataset.waits === text));
    if (found) { found.dataset.id = id; delete found.dataset.waits; found.classList.remove("waits"); return found; }
    const item = make("div", { class: `said ${by}` }, make("span", { class: "by" }, `${{ visitor: words.you, colleague: words.colleague }[by] || words.them}: `));
    for (const part of text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)])/)) {
      item.append(/^https?:\/\//.test(part) ? make("a", { href: part, rel: "noopener noreferrer nofollow", target: "_blank" }, part) : part);
    }
    if (waits) { item.dataset.waits = text; item.classList.add("waits"); } else if (id) item.dataset.id = id;
    log.append(item);
    log.scrollTop = log.scrollHeight;
    return item;
  }
  const say = (text) => { if (line.textContent !== text) line.textContent = text; };
  const stands = () => say(state.person ? words.person : state.asked ? words.asked : state.working ? words.working : "");

  async function follow() {
    if (following || !session) return;
    following = new AbortController();
    let wait = 1000;
    while (following && !following.signal.aborted) {
      try {
        const answer = await fetch(`${base}/events?after=${after}`, {
          mode: "cors", credentials: "omit", signal: following.signal, headers: { authorization: `Bearer ${session.token}` } });
        if (answer.status === 401) { session = null; after = 0; write(); break; }
        if (!answer.ok) throw new Error(String(answer.status));
        wait = 1000;
        await hear(answer.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch (error) {
        if (error.name === "AbortError") break;
        say(words.away);
        await new Promise((done) => setTimeout(done, wait));
        wait = Math.min(wait * 2, 30000);
      }
    }
    following = null;
  }
  async function hear(reader) {
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        const kind = /^event: (.*)$/m.exec(event), data = /^data: (.*)$/m.exec(event);
        if (!kind || !data) continue;
        const said = JSON.parse(data[1]);
        if (kind[1] === "message") { after = Math.max(after, said.id); put(said.by, said.text, said.id); }
        if (kind[1] === "state") { state = said; stands(); }
      }
    }
  }
  const halt = () => { if (following) following.abort(); following = null; };

  function open() {
    panel.hidden = false;
    toggle.setAttribute("aria-expanded", "true");
    toggle.setAttribute("aria-label", words.close);
    if (words.greeting && !log.children.length) put("agent", words.greeting, "greeting");
    box.focus();
    follow();
  }
  function close() {
    panel.hidden = true;
    toggle.setAttribute("aria-expanded", "false");
    toggle.setAttribute("aria-label", words.open);
    toggle.focus();
    halt();
  }
  async function send() {
    const text = box.value.trim();
    if (!text) return;
    const id = crypto.randomUUID();
    box.value = "";
    grow();
    box.focus();
    const item = put("visitor", text, "", true);
    try {
      const answer = await again("messages", { id, text });
      if (!answer.ok) throw new Error(String(answer.status));
      const said = await answer.json();
      put("visitor", text, said.id);
      state = { ...state, working: true };
      stands();
      follow();
    } catch {
      item.remove();
      box.value = text;
      say(words.failed);
    }
  }
  const grow = () => { box.rows = Math.min(5, box.value.split("\n").length); };
  async function look() {
    if (!consent) return;
    try { await again("views", { id: crypto.randomUUID(), page: location.href.split("#")[0].slice(0, 500), title: document.title.slice(0, 200) }); } catch { /* not counted */ }
  }

  toggle.addEventListener("click", () => (panel.hidden ? open() : close()));
  shut.addEventListener("click", close);
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
  });
  window.remitChat = {
    open, close,
    consent(yes) { consent = Boolean(yes); if (session) write(); if (consent) look(); },
    identify(token) { if (token !== identity) { identity = token; session = null; after = 0; halt(); log.replaceChildren(); write(); } },
  };
  document.body.append(host);
  look();
})();
