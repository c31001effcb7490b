// While a call is awaited: asks the server until something changes, also as soon as the dialler gives the page back, and
// counts the server's time down.

const form = document.getElementById("look");
const left = document.getElementById("time-left");
const spoken = document.getElementById("spoken");
const end = performance.now() + Number(left.dataset.seconds) * 1000;
const AFTER_FAILURE_MS = 3000;
let asking = null;

async function ask() {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  while (!mine.signal.aborted) {
    try {
      const url = `/login/call/state?guidance=${form.dataset.guidance}`;
      const answer = await fetch(url, { signal: mine.signal, cache: "no-store" });
      const word = answer.ok ? await answer.text() : "";
      if (word === "matched") return look();
      if (word === "changed" || answer.status === 401) return location.replace("/login/call");
      if (word !== "pending") await pause(mine.signal);
    } catch {
      if (!mine.signal.aborted) await pause(mine.signal);
    }
  }
}

function pause(signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, AFTER_FAILURE_MS);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
  });
}

function look() {
  const act = document.createElement("input");
  act.type = "hidden";
  act.name = "act";
  act.value = "look";
  form.append(act);
  form.submit();
}

let last = Infinity;
function count() {
  const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
  left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  for (const [at, text] of [[60, spoken.dataset.sixty], [20, spoken.dataset.twenty], [0, spoken.dataset.over]]) {
    if (seconds <= at && last > at && last !== Infinity) spoken.textContent = text;
  }
  last = seconds;
}

count();
setInterval(count, 1000);
ask();
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
addEventListener("pageshow", (event) => event.persisted && ask());
