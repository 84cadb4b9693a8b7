import type { FieldFault, Problem } from "$lib/api";

/** The faults that no field of a form shows, so that nothing the server said is lost. `pointers` are the form's own. */
export function strayFaults(problem: Problem | null, pointers: readonly string[]): FieldFault[] {
  return (problem?.errors ?? []).filter((fault) => !pointers.includes(fault.pointer));
}

/** The faults at and below a pointer, by what follows it: for a map's rows or a list's items. `~1` and `~0` are read as RFC 6901 says. */
export function faultsBelow(problem: Problem | null, pointer: string): Map<string, FieldFault> {
  const found = new Map<string, FieldFault>();
  for (const fault of problem?.errors ?? []) {
    if (!fault.pointer.startsWith(pointer + "/")) continue;
    const [key = ""] = fault.pointer.slice(pointer.length + 1).split("/");
    found.set(key.replaceAll("~1", "/").replaceAll("~0", "~"), fault);
  }
  return found;
}

/** A key as a part of a JSON pointer. */
export function pointerPart(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Text as an optional value: null when there is none. */
export function orNull(text: string): string | null {
  const trimmed = text.trim();
  return trimmed === "" ? null : trimmed;
}

/** What a datetime-local field holds for a time of the API, in this browser's time zone; "" for null. */
export function localTime(time: string | null | undefined): string {
  if (!time) return "";
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "";
  const two = (n: number) => String(n).padStart(2, "0");
  const seconds = at.getSeconds() === 0 ? "" : `:${two(at.getSeconds())}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}${seconds}`;
}

/** The API's time for what a datetime-local field holds; null for nothing. A field that was not touched gives back the time it came from. */
export function apiTime(local: string, before: string | null = null): string | null {
  if (local === "") return null;
  if (before !== null && localTime(before) === local) return before;
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
