// What forms and links do without it, this does at once: it puts what the server sends
// in the place of what it replaces, and lets relative times follow the clock.
const root = document.documentElement;
root.classList.add("script");

const say = (text, live) => {
  const at = document.getElementById("connection");
  if (!at) return;
  at.hidden = false;
  at.textContent = text;
  at.classList.toggle("live", live);
};

// Something that somebody has begun to fill in is never taken away.
const filling = () => [...document.querySelectorAll("main input, main textarea")].some((e) =>
  e.type === "radio" || e.type === "checkbox" ? e.id !== "wrap" && e.checked !== e.defaultChecked : e.value !== e.defaultValue);

const reload = () => filling() ? say("changed; load it again", false) : location.reload();

// An element is named, within what is replaced, by what it is for.
const nameOf = (e) => e.getAttribute("aria-label") || e.getAttribute("href") || e.textContent;

const put = ({ id, html, in: into, after, keep, only }) => {
  const old = document.getElementById(id);
  if (only) return old && [...old.children].forEach((e) => (keep || []).includes(e.id) || e.remove());
  if (!html) return old?.remove();
  const place = document.getElementById(into);
  if (!old && !place) return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  if (!fresh) return;
  if (!old) {
    fresh.classList.add("new");
    const before = document.getElementById(after);
    return before ? before.after(fresh) : after ? place.append(fresh) : place.prepend(fresh);
  }
  const active = document.activeElement;
  const focus = old.contains(active) ? nameOf(active) : null;
  old.querySelectorAll("details[open]").forEach((d, i) => fresh.querySelectorAll("details")[i]?.setAttribute("open", ""));
  if (fresh.isEqualNode(old)) return;
  if (fresh.tagName === "TR") fresh.classList.add("new");
  const { scrollLeft } = old;
  old.replaceWith(fresh);
  fresh.scrollLeft = scrollLeft;
  if (focus !== null) {
    const again = [...fresh.querySelectorAll("a, button, summary, [tabindex]")];
    (again.find((e) => nameOf(e) === focus) || again[0])?.focus({ preventScroll: true });
  }
};

const follow = (html) => {
  const log = document.getElementById("log");
  if (!log) return;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  log.insertAdjacentHTML("beforeend", html);
  while (log.childElementCount > 5000) log.firstElementChild.remove();
  document.getElementById("no-log")?.remove();
  document.getElementById("download")?.removeAttribute("hidden");
  if (atEnd) log.scrollTop = log.scrollHeight;
};

const { live, paused } = document.body.dataset;
if (live && paused !== undefined) say("paused", false);
if (live && paused === undefined) {
  let lost = false;
  const source = new EventSource(live);
  source.addEventListener("live", () => {
    if (lost) return reload();
    say("live", true);
    root.dataset.state = "live";
  });
  source.addEventListener("put", (e) => { JSON.parse(e.data).forEach(put); tick(); });
  source.addEventListener("log", (e) => follow(JSON.parse(e.data)));
  source.addEventListener("reload", () => { source.close(); setTimeout(reload, 500); });
  source.onerror = () => {
    lost = true;
    say("reconnecting…", false);
    root.dataset.state = "lost";
    if (source.readyState === EventSource.CLOSED) setTimeout(reload, 10000); // it was refused
  };
  addEventListener("pagehide", () => source.close());
  // A browser has few connections to one host: who does not look needs none.
  let away;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(away);
    if (document.hidden) away = setTimeout(() => source.close(), 10000);
    else if (source.readyState === EventSource.CLOSED) reload();
  });
  addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
}

// Times
const span = (s) => {
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60, sec = Math.floor(s) % 60;
  const two = (a, x, b, y) => b ? `${a}${x} ${b}${y}` : `${a}${x}`;
  return d ? two(d, "d", h, "h") : h ? two(h, "h", m, "m") : m ? two(m, "m", sec, "s") : `${sec}s`;
};
const words = {
  in: (s) => s > -1 ? "now" : "in " + span(-s),
  ago: (s) => s < 1 ? "just now" : span(s) + " ago",
  up: (s) => span(Math.max(0, s)),
  started: (s) => "started " + (s < 1 ? "just now" : span(s) + " ago"),
};
const set = (e, text) => { if (e.textContent !== text) e.textContent = text; };
const tick = () => {
  const now = Date.now();
  for (const e of document.querySelectorAll("time[data-rel]")) set(e, words[e.dataset.rel]((now - Date.parse(e.dateTime)) / 1000));
  for (const e of document.querySelectorAll("[data-since]")) set(e, "so far " + span(Math.max(0, (now - Date.parse(e.dataset.since)) / 1000)));
};
setInterval(tick, 1000);

// The zone of the browser, which only it knows.
const zone = document.getElementById("zone");
if (zone) {
  const own = zone.querySelector('option[value="browser"]');
  if (own) {
    own.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    own.hidden = own.disabled = false;
  }
  zone.addEventListener("change", () => zone.form.requestSubmit());
}

const timeline = document.getElementById("timeline");
const showNow = () => { timeline.scrollLeft = timeline.scrollWidth; }; // and what is to come
if (timeline) {
  showNow();
  addEventListener("resize", () => { if (timeline.isConnected) showNow(); });
}

const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
document.getElementById("wrap")?.addEventListener("change", (e) => log?.classList.toggle("wrap", e.target.checked));

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) return;
  const was = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } catch {
    button.textContent = button.dataset.copy; // to be copied by hand
  }
  setTimeout(() => { button.textContent = was; }, 2000);
});

// A form is sent once.
document.addEventListener("submit", (e) => {
  if (e.target.method !== "post") return;
  if (e.target.dataset.sent) return e.preventDefault();
  e.target.dataset.sent = "1";
  setTimeout(() => delete e.target.dataset.sent, 3000);
});
