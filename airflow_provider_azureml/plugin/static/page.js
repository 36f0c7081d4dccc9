// SPDX-License-Identifier: Apache-2.0
// The page: what is shown, what is open, and the keys.

import { ask, byId, duration, make, verdict } from "./dom.js";
import { dagBody, searchText, sorted } from "./table.js";
import { prepare, show } from "./trail.js";

const WORDS = ["DENIED", "UNKNOWN", "CONDITIONAL", "ALLOWED"];
const OLD_SECONDS = 86400;
const state = { tasks: [], identities: {}, chosen: new Set(), open: new Set(), text: "" };

followTheme();
document.addEventListener("keydown", onKey);
byId("filter").addEventListener("input", () => { state.text = byId("filter").value.trim().toLowerCase(); draw(); });
for (const name of ["access", "trail"]) byId(`tab-${name}`).addEventListener("click", () => choose(name));
load();

async function load() {
  try {
    const found = await ask("api/access");
    state.identities = found.identities;
    state.tasks = sorted(found.tasks).map((task) => ({ ...task, haystack: searchText(task, found.identities) }));
    showAge(found);
    showDifferences(found.differences);
    drawChips();
    draw();
    prepare([...new Set(found.tasks.map((task) => task.dag_id))].sort(), fail);
    document.body.dataset.ready = "true";
  } catch (error) {
    fail(error);
  }
  const query = new URLSearchParams(location.search);
  if (query.get("dag_id")) trail(query.get("dag_id"), query.get("run_id") || "");
}

function fail(error) {
  byId("age").textContent = "";
  problem(error.message);
}

function problem(text) {
  byId("problems").append(make("p", { text }));
}

function showAge({ report, audit }) {
  const seconds = report.age_seconds;
  byId("age").replaceChildren();
  if (seconds !== null) {
    const isOld = seconds > OLD_SECONDS;
    byId("age").append(
      make("span", { class: isOld ? "old" : "", title: report.made_at, text: `Checked ${duration(seconds)} ago` }),
      isOld ? make("span", { class: "muted", text: "Grants may have changed since." }) : "",
      make("details", {}, make("summary", { text: "Check again" }),
        make("code", { text: report.command || "airflow-azureml access check --out FILE" })));
  }
  if (report.problem) problem(report.problem);
  if (audit.problem) problem(audit.problem);
  if (audit.is_cut) problem(`The audit log is long: denials before ${audit.since} are not looked for.`);
}

function showDifferences(differences) {
  byId("differences").hidden = !differences.length;
  byId("difference-rows").replaceChildren(...differences.map((item) => make("tr", {},
    make("td", {}, make("span", { class: "tag warn", text: item.kind })),
    make("td", { text: item.subject }), make("td", { text: item.text }), make("td", {}, make("code", { text: item.mend })))));
}

function drawChips() {
  byId("verdicts").replaceChildren(...WORDS.map((word) => {
    const count = state.tasks.filter((task) => task.verdict === word).length;
    const chip = make("button", {
      type: "button", class: "chip", "aria-pressed": "false", disabled: !count, "data-word": word,
      on: { click: () => { flip(state.chosen, word); chip.setAttribute("aria-pressed", String(state.chosen.has(word))); draw(); } },
    }, verdict(word), make("span", { class: "number", text: String(count) }));
    return chip;
  }));
}

function draw() {
  const focused = document.activeElement?.dataset?.key;
  const shown = state.tasks.filter((task) => (!state.chosen.size || state.chosen.has(task.verdict))
    && state.text.split(/\s+/).every((word) => task.haystack.includes(word)));
  const dags = grouped(shown);
  const table = byId("tasks");
  for (const body of [...table.tBodies]) body.remove();
  for (const [dagId, tasks] of dags) table.append(dagBody(dagId, tasks, state.identities, state.open, { toggle, trail }));
  if (!shown.length) table.append(make("tbody", {}, make("tr", {}, make("td", { colspan: "6", class: "nothing" }, nothing()))));
  byId("count").textContent = shown.length === state.tasks.length ? `${shown.length} tasks` : `${shown.length} of ${state.tasks.length} tasks`;
  if (focused) toggles().find((button) => button.dataset.key === focused)?.focus();
}

function grouped(tasks) {
  const dags = new Map();
  for (const task of tasks) dags.set(task.dag_id, [...(dags.get(task.dag_id) || []), task]);
  return dags;
}

function nothing() {
  if (!state.tasks.length) return "No DAG that you may read has a task with a connection of Azure ML.";
  return make("button", { type: "button", class: "link", text: "Nothing fits. Show all tasks", on: { click: reset } });
}

function reset() {
  state.chosen.clear();
  state.text = byId("filter").value = "";
  for (const chip of byId("verdicts").children) chip.setAttribute("aria-pressed", "false");
  draw();
}

const toggles = () => [...document.querySelectorAll("#tasks .toggle")];

function toggle(key) {
  flip(state.open, key);
  draw();
}

function flip(set, item) {
  if (!set.delete(item)) set.add(item);
}

function trail(dagId, runId) {
  choose("trail", dagId, runId);
}

function choose(name, dagId = "", runId = "") {
  for (const other of ["access", "trail"]) {
    const is = other === name;
    byId(other).hidden = !is;
    byId(`tab-${other}`).setAttribute("aria-selected", String(is));
    byId(`tab-${other}`).tabIndex = is ? 0 : -1;
  }
  if (name === "trail") show(dagId, runId, fail);
}

function onKey(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("[role=tab]") && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    const other = event.target.id === "tab-access" ? "trail" : "access";
    choose(other);
    byId(`tab-${other}`).focus();
  } else if (event.key === "/" && !typing && !byId("access").hidden) {
    event.preventDefault();
    byId("filter").focus();
  } else if (event.key === "Escape") {
    escape(event);
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && !event.target.matches("select")) {
    step(event);
  }
}

/** Close the open task, or empty the filter. */
function escape(event) {
  const key = event.target.closest?.("tr.detail")?.previousElementSibling?.querySelector(".toggle")?.dataset.key || event.target.dataset?.key;
  if (key && state.open.has(key)) {
    state.open.delete(key);
    draw();
    toggles().find((button) => button.dataset.key === key)?.focus();
  } else if (event.target.id === "filter") {
    reset();
  }
}

/** From the filter into the table, and from task to task. */
function step(event) {
  const all = toggles();
  const at = all.indexOf(event.target);
  if (at < 0 && event.target.id !== "filter") return;
  const next = event.key === "ArrowDown" ? at + 1 : at - 1;
  event.preventDefault();
  if (next < 0) byId("filter").focus();
  else all[Math.min(next, all.length - 1)]?.focus();
}

/** Dark or light as Airflow's own UI is, else as the system is. */
function followTheme() {
  const set = () => {
    const wanted = localStorage.getItem("theme");
    if (["dark", "light"].includes(wanted)) document.documentElement.dataset.theme = wanted;
    else delete document.documentElement.dataset.theme;
  };
  set();
  addEventListener("storage", set);
}
