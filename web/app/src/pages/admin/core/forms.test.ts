import { describe, expect, it } from "vitest";
import { Problem } from "$lib/api";
import { apiTime, faultsBelow, localTime, orNull, pointerPart, strayFaults } from "./forms";

const problem = new Problem({
  code: "validation_failed",
  status: 422,
  errors: [
    { pointer: "/room_name", code: "validation_failed", detail: "is required" },
    { pointer: "/room_metadata/a~1b", code: "nested_metadata", detail: "nothing nested" },
    { pointer: "/colour", code: "unknown_field", detail: "is not a field" },
  ],
});

describe("faults and fields", () => {
  it("finds what no field shows", () => {
    expect(strayFaults(problem, ["/room_name", "/room_metadata/a~1b"]).map((fault) => fault.pointer)).toEqual(["/colour"]);
    expect(strayFaults(null, [])).toEqual([]);
  });

  it("gives the faults of a map's rows by their keys", () => {
    expect([...faultsBelow(problem, "/room_metadata").keys()]).toEqual(["a/b"]);
    expect(pointerPart("a/b~c")).toBe("a~1b~0c");
  });
});

describe("fields and values", () => {
  it("reads blank text as nothing", () => {
    expect(orNull("  ")).toBeNull();
    expect(orNull(" 4711 ")).toBe("4711");
  });

  it("turns times to the browser's zone and back", () => {
    const time = new Date(2026, 4, 3, 9, 5, 0).toISOString();
    expect(localTime(time)).toBe("2026-05-03T09:05");
    expect(apiTime("2026-05-03T09:05")).toBe(time);
    expect(localTime(null)).toBe("");
    expect(apiTime("")).toBeNull();
  });

  it("gives an untouched time back exactly", () => {
    const exact = "2026-05-03T09:05:00.123456Z";
    expect(apiTime(localTime(exact), exact)).toBe(exact);
  });
});
