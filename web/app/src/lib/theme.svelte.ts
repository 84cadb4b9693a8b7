/** A theme somebody can choose; `system` follows the system's. */
export type Theme = "system" | "light" | "dark";

const key = "roomcast.theme";

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(key);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

let chosen = $state<Theme>(remembered());

/** The theme of the pages, remembered in this browser. It is applied before the first paint by theme-first.js. */
export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  choose(next: Theme): void {
    chosen = next;
    if (next === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = next;
    try {
      if (next === "system") localStorage.removeItem(key);
      else localStorage.setItem(key, next);
    } catch {
      // Storage is blocked: the choice then lasts as long as the page.
    }
  },
};
