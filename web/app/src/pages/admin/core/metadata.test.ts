import { describe, expect, it } from "vitest";
import { ExactNumber, memberObject, parseExact, writeExact } from "./exact-json";
import { blankRow, faultsOf, mergePatch, objectOf, rowsOf } from "./metadata";

const text = '{"external_billing_id":12345678901234567890,"rate":1.10,"region":"eu","test":false,"note":null}';
const object = memberObject(parseExact(`{"m":${text}}`), "m");

describe("metadata rows", () => {
  it("come from an object and turn back into the very same JSON", () => {
    const rows = rowsOf(object);
    expect(rows.map((row) => [row.key, row.kind, row.text])).toEqual([
      ["external_billing_id", "number", "12345678901234567890"],
      ["rate", "number", "1.10"],
      ["region", "string", "eu"],
      ["test", "boolean", ""],
      ["note", "null", ""],
    ]);
    expect(writeExact(objectOf(rows))).toBe(text);
  });

  it("keep a nested value that they cannot edit", () => {
    const nested = memberObject(parseExact('{"m":{"a":{"b":[1.0]}}}'), "m");
    const rows = rowsOf(nested);
    expect(rows[0]?.kind).toBe("json");
    expect(writeExact(objectOf(rows, nested))).toBe('{"a":{"b":[1.0]}}');
  });

  it("say which row is wrong and how", () => {
    const rows = [
      { ...blankRow("number"), key: "a", text: "1,5" },
      { ...blankRow(), key: "b", text: "x" },
      { ...blankRow(), key: "b", text: "y" },
      { ...blankRow(), key: "", text: "z" },
      blankRow(),
    ];
    const faults = faultsOf(rows);
    expect(rows.map((row) => faults.get(row.id))).toEqual(["not_a_number", undefined, "key_twice", "key_missing", undefined]);
  });

  it("leave out a row in which nothing was entered", () => {
    expect(objectOf([blankRow(), { ...blankRow(), key: "__proto__", text: "v" }])).toEqual(Object.fromEntries([["__proto__", "v"]]));
  });
});

describe("the merge patch between two objects", () => {
  it("holds only what differs", () => {
    const after = { ...object, region: "us", rate: new ExactNumber("1.1"), added: true };
    delete (after as Record<string, unknown>)["test"];
    expect(writeExact(mergePatch(object, after))).toBe('{"test":null,"rate":1.1,"region":"us","added":true}');
    expect(mergePatch(object, object)).toEqual({});
  });
});
