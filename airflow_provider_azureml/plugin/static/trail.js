// SPDX-License-Identifier: Apache-2.0
// The audit trail of one run.

import { actionElement, ask, byId, make, mendElement, scopeElement } from "./dom.js";

let asked = 0; // an answer that comes after a newer question is dropped

/** Fill the list of DAGs; `show` is called with no arguments when a person chose. */
export function prepare(dagIds, fail) {
  byId("dag").replaceChildren(...dagIds.map((id) => make("option", { value: id, text: id })));
  byId("dag").addEventListener("change", () => show(byId("dag").value, "", fail));
  byId("run").addEventListener("change", () => show(byId("dag").value, byId("run").value, fail));
}

/** Show a run; the newest where none is named. */
export async function show(dagId, runId, fail) {
  const mine = ++asked;
  const choice = byId("dag");
  if (dagId && ![...choice.options].some((option) => option.value === dagId)) choice.append(make("option", { value: dagId, text: dagId }));
  if (dagId) choice.value = dagId;
  if (!choice.value) return say("There is no DAG with a task of Azure ML.");
  const dag = `api/dags/${encodeURIComponent(choice.value)}`;
  say("Loading …");
  try {
    const { runs } = await ask(`${dag}/runs`);
    if (mine !== asked) return;
    const known = runs.some((run) => run.run_id === runId);
    const all = runId && !known ? [{ run_id: runId, state: "", began: "" }, ...runs] : runs;
    byId("run").replaceChildren(...all.map((run) => make("option", { value: run.run_id, text: [run.run_id, run.state].filter(Boolean).join(" – ") })));
    if (!all.length) return say("This DAG has not run yet.");
    byId("run").value = runId || all[0].run_id;
    const { events, problem } = await ask(`${dag}/trail`, { run_id: byId("run").value });
    if (mine !== asked) return;
    byId("event-rows").replaceChildren(...events.map(row));
    byId("events-count").textContent = [events.length ? `${events.length} events` : "Nothing was done in Azure in this run.", problem].filter(Boolean).join(" ");
  } catch (error) {
    if (mine === asked) say("");
    fail(error);
  }
}

function say(text) {
  byId("event-rows").replaceChildren();
  byId("events-count").textContent = text;
}

function row(event) {
  const outcome = typeof event.outcome === "string" ? { result: event.outcome } : event.outcome;
  const refused = outcome.result === "refused" || event.action === "diagnosis";
  return make("tr", { class: refused ? "refused" : "" },
    make("td", { class: "time", text: event.time.slice(0, 23).replace("T", " ") }),
    make("td", {}, task(event.task)),
    make("td", {}, who(event)),
    make("td", {}, actionElement(event.action)),
    make("td", { class: "on" }, event.resource ? scopeElement(event.resource) : ""),
    make("td", {}, event.detail?.cause || outcomeText(outcome), mendElement(event.detail?.mend)));
}

function task(found) {
  if (!found) return "–";
  const index = found.map_index >= 0 ? `[${found.map_index}]` : "";
  return make("div", { class: "two" }, make("span", { class: "first", text: `${found.task_id}${index}` }),
    make("span", { class: "second", text: `try ${found.try_number}` }));
}

function who(event) {
  const id = event.who?.app_id;
  return make("div", { class: "two" }, make("span", { class: "first", text: event.connection }),
    make("span", { class: "second", title: id || false, text: id ? `${event.auth} · ${id.slice(0, 8)}…` : event.auth }));
}

function outcomeText(outcome) {
  const words = [outcome.result, outcome.status || "", outcome.code || ""].filter(Boolean).join(" ");
  return outcome.attempts > 1 ? `${words} (${outcome.attempts} attempts)` : words;
}
