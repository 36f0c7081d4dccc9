// SPDX-License-Identifier: Apache-2.0
// The table of tasks: one body per DAG, one row per task, one more row with the details of an open one.

import { actionElement, ago, breakable, make, mendElement, scopeElement, verdict } from "./dom.js";

const SHOWN_GRANTS = 2;
const ORDER = ["DENIED", "UNKNOWN", "CONDITIONAL", "ALLOWED"];

const rank = (task) => ORDER.indexOf(task.verdict);

/** Trouble first: by the worst verdict of a DAG, then by name; and so inside of it. */
export function sorted(tasks) {
  const worst = new Map();
  for (const task of tasks) worst.set(task.dag_id, Math.min(rank(task), worst.get(task.dag_id) ?? ORDER.length));
  const by = (task) => [worst.get(task.dag_id), task.dag_id, rank(task), task.task_id];
  return [...tasks].sort((one, other) => compare(by(one), by(other)));
}

function compare(one, other) {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : one[at] < other[at] ? -1 : 1;
}

/** Everything of a task that a person may look for. */
export function searchText(task, identities) {
  const grants = names(task).flatMap((name) => (identities[name]?.grants || []).flatMap((g) => [g.role, g.scope]));
  const ids = names(task).map((name) => identities[name]?.client_id || "");
  return [task.dag_id, task.task_id, task.connection, task.auth, task.job, task.namespace, task.verdict,
    task.denial?.cause, ...names(task), ...ids, ...grants].filter(Boolean).join(" ").toLowerCase();
}

const names = (task) => [...new Set([task.submitter, task.run_identity])].filter(Boolean);

/** The body of a DAG. `open` has the keys of open rows; `actions` are `toggle(key)` and `trail(dag, run)`. */
export function dagBody(dagId, tasks, identities, open, actions) {
  const button = make("button", {
    type: "button", class: "link", text: "Audit trail", "aria-label": `Audit trail of ${dagId}`,
    on: { click: () => actions.trail(dagId, "") },
  });
  const head = make("tr", { class: "dag" },
    make("th", { scope: "rowgroup", colspan: "6" },
      make("span", { class: "dag-name", text: dagId }),
      make("span", { class: "muted", text: `${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}` }), button));
  return make("tbody", {}, head, ...tasks.flatMap((task) => rows(task, identities, open, actions)));
}

export const keyOf = (task) => `${task.dag_id}.${task.task_id}`;

function rows(task, identities, open, actions) {
  const key = keyOf(task);
  const isOpen = open.has(key);
  const detailId = `detail-${key}`;
  const toggle = make("button", {
    type: "button", class: "toggle", "aria-expanded": String(isOpen), "aria-controls": detailId, "data-key": key,
    on: { click: () => actions.toggle(key) },
  }, make("span", { class: "arrow", "aria-hidden": "true", text: isOpen ? "▾" : "▸" }), task.task_id);
  const row = make("tr", { class: `task ${isOpen ? "open" : ""}`, "data-verdict": task.verdict },
    make("th", { scope: "row" }, toggle, namespaceOf(task)),
    make("td", {}, verdict(task.verdict), make("span", { class: "second under", text: inShort(task) })),
    make("td", {}, submitter(task, identities)),
    make("td", {}, identity(task.run_identity, identities, task.source === "report" ? "none" : "not known")),
    make("td", {}, grants(task, identities)),
    make("td", {}, denialInShort(task.denial)));
  const detail = make("tr", { class: "detail", id: detailId, hidden: !isOpen });
  if (isOpen) detail.append(make("td", { colspan: "6" }, details(task, identities, actions)));
  return [row, detail];
}

function inShort(task) {
  const all = task.checks.length;
  if (!all) return task.source === "report" ? "nothing checked" : "not in the report";
  const met = task.checks.filter((check) => check.verdict === "ALLOWED").length;
  return met === all ? `${all} ${all === 1 ? "need" : "needs"} met` : `${all - met} of ${all} needs open`;
}

const namespaceOf = (task) => (task.namespace ? make("span", { class: "tag", title: "namespace", text: task.namespace }) : "");

function submitter(task, identities) {
  const found = identities[task.submitter];
  return make("div", { class: "two" },
    make("span", { class: "first", text: task.connection || "no connection", title: task.connection }),
    make("span", { class: "second", title: found?.client_id || false },
      [task.auth, clientId(found)].filter(Boolean).join(" · ") || "not checked yet"));
}

const clientId = (found) => (found?.client_id ? found.client_id.slice(0, 8) + "…" : "");

function identity(name, identities, otherwise) {
  if (!name) return make("span", { class: "muted", text: otherwise });
  const found = identities[name] || {};
  return make("div", { class: "two" },
    make("span", { class: "first", text: name, title: name }),
    make("span", { class: "second", title: found.client_id || false },
      [found.kind, clientId(found)].filter(Boolean).join(" · ")));
}

function grants(task, identities) {
  const name = task.run_identity || task.submitter;
  const held = identities[name]?.grants || [];
  if (!held.length) return make("span", { class: "muted", text: name ? "none" : "not known" });
  const items = held.slice(0, SHOWN_GRANTS).map((grant) => make("li", { title: grant.condition || false },
    make("span", { text: grant.role }), make("span", { class: "muted", text: " on " }), scopeElement(grant.scope),
    grant.condition ? make("span", { class: "tag", text: "if …" }) : "",
    grant.state ? make("span", { class: "tag warn", text: grant.state }) : ""));
  const more = held.length - SHOWN_GRANTS;
  if (more > 0) items.push(make("li", { class: "muted", text: `and ${more} more` }));
  return make("ul", { class: "grants" }, ...items);
}

function denialInShort(denial) {
  if (!denial) return make("span", { class: "muted", text: "none known" });
  return make("div", { class: "two" },
    make("span", { class: "first" }, ago(denial.time)),
    make("span", { class: "second", text: denial.plane ? `${denial.plane} plane` : denial.answer, title: denial.cause || false }));
}

/** The row below an open task. */
function details(task, identities, actions) {
  return make("div", { class: "details" }, denialInFull(task, actions), checks(task), held(task, identities), origin(task));
}

function denialInFull(task, actions) {
  const denial = task.denial;
  if (!denial) return "";
  const lines = [
    ["When", make("span", {}, ago(denial.time), ` in ${denial.run_id || "no run"}, try ${denial.try_number}`)],
    ["What", denial.action && make("span", {}, actionElement(denial.action), denial.resource && " on ", denial.resource && scopeElement(denial.resource))],
    ["Answer", denial.answer],
    ["Why", denial.cause && `${denial.cause}${denial.plane ? ` (${denial.plane} plane)` : ""}`],
    ["Mend", mendElement(denial.mend)],
  ].filter(([, value]) => value);
  const trail = denial.run_id && make("button", {
    type: "button", class: "link", text: "Audit trail of this run",
    on: { click: () => actions.trail(task.dag_id, denial.run_id) },
  });
  return make("section", { class: "denial", "aria-label": "Last denial" },
    make("h3", {}, "Last denial"), make("dl", {}, ...lines.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", {}, value)])), trail);
}

function checks(task) {
  if (!task.checks.length) {
    return make("p", { class: "muted", text: "Its needs are not in the report. Make a new one to see them checked." });
  }
  const sorted = [...task.checks].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  const lines = sorted.map((check) => make("tr", {},
    make("td", {}, verdict(check.verdict)),
    make("td", { text: check.who === "run" ? "run identity" : "submitter" }),
    make("td", {}, check.action ? actionElement(check.action) : "", check.scope ? " on " : "", check.scope ? scopeElement(check.scope) : ""),
    make("td", {}, make("span", { text: check.why })),
    make("td", {}, check.reason || (check.role ? `by ${check.role}` : ""), check.verdict !== "ALLOWED" && check.role && !check.reason.includes(check.role) ? make("span", { class: "muted", text: ` Least role: ${check.role}.` }) : "", mendElement(check.mend))));
  const head = ["Verdict", "Who", "Needs", "For", "Because"].map((text) => make("th", { scope: "col", text }));
  return make("section", { "aria-label": "Needs" }, make("h3", {}, "What it needs"),
    make("table", { class: "inner needs" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines)));
}

function held(task, identities) {
  const lines = names(task).flatMap((name) => (identities[name]?.grants || []).map((grant) => make("tr", {},
    make("td", { text: name }),
    make("td", {}, grant.role, grant.state ? make("span", { class: "tag warn", text: grant.state }) : ""),
    make("td", {}, breakable("span", { class: "scope full" }, grant.scope)),
    make("td", {}, grant.condition ? make("code", { text: grant.condition }) : make("span", { class: "muted", text: "–" })),
    make("td", { text: grant.through || "itself" }))));
  if (!lines.length) return "";
  const head = ["Identity", "Role", "Scope", "Condition", "Held by"].map((text) => make("th", { scope: "col", text }));
  return make("section", { "aria-label": "Grants" }, make("h3", {}, "What its identities hold"),
    make("table", { class: "inner held" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines)));
}

function origin(task) {
  const words = [task.operator, task.job && `job definition ${task.job}`].filter(Boolean).join(", ");
  const borrowed = task.source === "connection" ? " Its submitter is known from another task with the same connection." : "";
  return words || borrowed ? make("p", { class: "muted", text: `${words}${words ? "." : ""}${borrowed}` }) : "";
}
