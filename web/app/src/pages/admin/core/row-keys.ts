/**
 * Makes a table's rows walkable by keyboard: up and down (or k and j) go from row to row, Home and End to the first and last, x chooses a row.
 * Enter follows the row's link, as links do. Rows carry `data-row`, their links `data-row-link`.
 */
export function rowKeys(table: HTMLElement, choose?: (id: string) => void): { update: (choose?: (id: string) => void) => void; destroy: () => void } {
  let chosen = choose;

  function onKeyDown(event: KeyboardEvent): void {
    const target = event.target;
    if (!(target instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = target.closest<HTMLElement>("[data-row]");
    if (!row || target.closest("[role=menu]")) return;
    const rows = [...table.querySelectorAll<HTMLElement>("[data-row]")];
    const at = rows.indexOf(row);
    const next = stepOf(event.key, at, rows.length);
    if (next !== null && target.matches("[data-row-link], input[type=checkbox]")) {
      event.preventDefault();
      const kind = target.matches("[data-row-link]") ? "[data-row-link]" : "input[type=checkbox]";
      rows[next]?.querySelector<HTMLElement>(kind)?.focus();
    } else if (event.key === "x" && chosen) {
      event.preventDefault();
      chosen(row.dataset["row"] ?? "");
    }
  }

  table.addEventListener("keydown", onKeyDown);
  return {
    update: (next) => (chosen = next),
    destroy: () => table.removeEventListener("keydown", onKeyDown),
  };
}

/** Which row a key leads to; null for other keys. */
export function stepOf(key: string, at: number, rows: number): number | null {
  switch (key) {
    case "ArrowDown":
    case "j":
      return Math.min(at + 1, rows - 1);
    case "ArrowUp":
    case "k":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return rows - 1;
    default:
      return null;
  }
}
