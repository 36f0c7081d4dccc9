// SPDX-License-Identifier: Apache-2.0
// Making elements, and words for people. Text only ever becomes text, never markup.

/** An element. `attributes`: `class`, `text`, `on` (event -> listener), or any attribute; false leaves it out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Ask the page's own application; an error has the text to show. */
export async function ask(path, query = {}) {
  const address = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  } catch {
    throw new Error("Airflow's API server does not answer. Is it still running?");
  }
  if (answer.status === 401) throw new Error("You are signed out. Sign in to Airflow, then load this page again.");
  if (answer.status === 403) throw new Error("Your Airflow account may not read this. Ask an administrator of Airflow.");
  if (!answer.ok) throw new Error(`Airflow's API server answered ${answer.status}. Its log says why.`);
  return answer.json();
}

const UNITS = [["day", 86400, "d"], ["hour", 3600, "h"], ["minute", 60, "min"]];

/** Seconds as `3 hours`. */
export function duration(seconds) {
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${count} ${unit}${count > 1 ? "s" : ""}`;
  }
  return "less than a minute";
}

function inShort(seconds) {
  const [, size, letters] = UNITS.find(([, least]) => seconds >= least) || [];
  return size ? `${Math.floor(seconds / size)} ${letters} ago` : "just now";
}

/** A moment as `3 h ago`, with the moment itself beside the pointer. */
export function ago(iso) {
  const moment = Date.parse(iso);
  return make("time", { datetime: iso, title: iso, text: Number.isNaN(moment) ? iso : inShort((Date.now() - moment) / 1000) });
}

const SCOPES = [
  [/\/storageAccounts\/([^/]+)\/blobServices\/default\/containers\/([^/]+)$/i, (m) => `${m[1]}/${m[2]}`],
  [/\/storageAccounts\/([^/]+)$/i, (m) => `account ${m[1]}`],
  [/\/workspaces\/[^/]+\/jobs\/([^/]+)$/i, (m) => m[1]],
  [/\/workspaces\/[^/]+\/(\w+)s\/([^/]+)\/versions\/[^/]+$/i, (m) => `${m[1]} ${m[2]}`],
  [/\/workspaces\/([^/]+)$/i, (m) => `workspace ${m[1]}`],
  [/\/vaults\/([^/]+)$/i, (m) => `vault ${m[1]}`],
  [/\/vaults\/([^/]+)\/secrets\/([^/]+)$/i, (m) => `secret ${m[1]}/${m[2]}`],
  [/\/userAssignedIdentities\/([^/]+)$/i, (m) => `identity ${m[1]}`],
  [/\/registries\/([^/]+)$/i, (m) => `registry ${m[1]}`],
  [/^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)$/i, (m) => `resource group ${m[1]}`],
  [/^\/subscriptions\/([^/]+)$/i, () => "the whole subscription"],
  [/\/managementGroups\/([^/]+)$/i, (m) => `management group ${m[1]}`],
];

/** An ARM id in few words. */
export function shortScope(scope) {
  for (const [pattern, words] of SCOPES) {
    const match = pattern.exec(scope);
    if (match) return words(match);
  }
  return scope.split("/").slice(-2).join(" ");
}

export const scopeElement = (scope) => make("span", { class: "scope", title: scope, text: shortScope(scope) });

const FAMILIES = /^Microsoft\.[^/]+\/(workspaces\/|storageAccounts\/blobServices\/containers\/|vaults\/|userAssignedIdentities\/)?/;

/** `Microsoft.MachineLearningServices/workspaces/jobs/write` as `jobs/write`, which may break at a slash. */
export const actionElement = (action) => breakable("span", { class: "action", title: action }, action.replace(FAMILIES, ""));

/** A long id that breaks after its slashes, where there is no room. */
export function breakable(tag, attributes, text) {
  const parts = text.split(/(?<=\/)/);
  return make(tag, attributes, ...parts.flatMap((part) => [part, make("wbr")]));
}

const MARKS = { ALLOWED: "✓", CONDITIONAL: "~", UNKNOWN: "?", DENIED: "✕" };

/** A verdict: word, mark and colour, so that none of them is needed alone. */
export function verdict(word, title = "") {
  const known = word in MARKS ? word : "UNKNOWN";
  return make("span", { class: `pill ${known.toLowerCase()}`, title: title || false },
    make("span", { "aria-hidden": "true", text: MARKS[known] }), ` ${known}`);
}

/** A mend, with a button that copies it. */
export function mendElement(text) {
  if (!text) return "";
  const button = make("button", {
    type: "button", class: "copy", text: "Copy", "aria-label": "Copy the mend",
    on: {
      click: async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Select and copy it";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      },
    },
  });
  return make("div", { class: "mend" }, make("code", { text }), button);
}
