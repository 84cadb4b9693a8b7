import { ExactNumber, isExactNumber, writeExact, type Exact, type ExactObject } from "./exact-json";

/** What a metadata value is. `json` is something nested that an older server kept: it is shown and kept, not edited. */
export type ValueKind = "string" | "number" | "boolean" | "null" | "json";

/** One row of the metadata form. Numbers stay the text that was typed. */
export interface MetadataRow {
  /** Tells rows apart while their keys are being typed. */
  id: number;
  key: string;
  kind: ValueKind;
  text: string;
  /** Of a boolean. */
  on: boolean;
}

/** What is wrong with a row. */
export type RowFault = "key_missing" | "key_twice" | "not_a_number";

let lastId = 0;

/** A row to be filled in. */
export function blankRow(kind: ValueKind = "string"): MetadataRow {
  return { id: ++lastId, key: "", kind, text: "", on: true };
}

/** The rows of an object, in its own order. */
export function rowsOf(object: ExactObject): MetadataRow[] {
  return Object.entries(object).map(([key, value]) => ({ ...blankRow(), key, ...cellOf(value) }));
}

function cellOf(value: Exact): Pick<MetadataRow, "kind" | "text" | "on"> {
  if (typeof value === "string") return { kind: "string", text: value, on: true };
  if (typeof value === "boolean") return { kind: "boolean", text: "", on: value };
  if (value === null) return { kind: "null", text: "", on: true };
  if (value instanceof ExactNumber) return { kind: "number", text: value.text, on: true };
  return { kind: "json", text: writeExact(value), on: true };
}

/** The faults that can be told before asking the server, by row. A row without key and text is no row. */
export function faultsOf(rows: readonly MetadataRow[]): Map<number, RowFault> {
  const faults = new Map<number, RowFault>();
  const seen = new Set<string>();
  for (const row of rows.filter((one) => !isBlank(one))) {
    if (row.key === "") faults.set(row.id, "key_missing");
    else if (seen.has(row.key)) faults.set(row.id, "key_twice");
    else if (row.kind === "number" && !isExactNumber(row.text.trim())) faults.set(row.id, "not_a_number");
    seen.add(row.key);
  }
  return faults;
}

/** Whether nothing was entered. */
export function isBlank(row: MetadataRow): boolean {
  return row.key === "" && row.text === "" && row.kind !== "boolean" && row.kind !== "json";
}

/** The object of rows without faults; `kept` is where nested values are taken from. */
export function objectOf(rows: readonly MetadataRow[], kept: ExactObject = {}): ExactObject {
  return Object.fromEntries(rows.filter((row) => !isBlank(row)).map((row) => [row.key, valueOf(row, kept)]));
}

function valueOf(row: MetadataRow, kept: ExactObject): Exact {
  switch (row.kind) {
    case "string":
      return row.text;
    case "number":
      return new ExactNumber(row.text.trim());
    case "boolean":
      return row.on;
    case "null":
      return null;
    case "json":
      return kept[row.key] ?? null;
  }
}

/** A JSON merge patch that turns one object into the other: only what differs, null for what is gone. (A merge patch cannot set null.) */
export function mergePatch(before: ExactObject, after: ExactObject): ExactObject {
  const patch: Record<string, Exact> = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    if (old === undefined || writeExact(old) !== writeExact(value)) patch[key] = value;
  }
  return patch;
}
